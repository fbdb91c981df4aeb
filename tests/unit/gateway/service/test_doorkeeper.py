"""Limits at the door: in memory, without a trace."""

import pytest

from gateway.domain.limits import DENIALS_PER_S_MAX
from gateway.domain.reasons import Reason
from gateway.domain.refusal import Refusal
from gateway.service.doorkeeper import Doorkeeper
from tests.fakes.clock import FakeClock


def reason(found: Refusal | None) -> Reason | None:
    return found.reason if found else None


def test_a_tenant_gets_half_of_the_gateway_and_all_together_the_whole() -> None:
    """One tenant cannot crowd out the others."""
    door = Doorkeeper(in_flight_max=4, clock=FakeClock())

    entered = [reason(door.enter(tenant)) for tenant in ("a", "a", "a", "b", "b", "c")]

    assert entered == [None, None, Reason.OVERLOADED, None, None, Reason.OVERLOADED]


def test_whoever_leaves_makes_room() -> None:
    """For its own tenant and for the others."""
    door = Doorkeeper(in_flight_max=2, clock=FakeClock())
    door.enter("a")
    full = door.enter("a")
    door.leave("a")

    assert (reason(full), door.enter("a")) == (Reason.OVERLOADED, None)


def test_the_smallest_gateway_still_admits_one() -> None:
    """Half of one is one."""
    door = Doorkeeper(in_flight_max=1, clock=FakeClock())

    assert (door.enter("a"), reason(door.enter("b"))) == (None, Reason.OVERLOADED)


@pytest.mark.parametrize(("after_ms", "expected"), [(0, Reason.TOO_MANY_DENIALS), (999, Reason.TOO_MANY_DENIALS), (1_000, None)])
def test_denials_are_counted_over_the_last_second(after_ms: int, expected: Reason | None) -> None:
    """Fifty, whenever the second began."""
    clock = FakeClock()
    door = Doorkeeper(in_flight_max=1, clock=clock)
    taken = [door.may_record_denial("a") for _ in range(DENIALS_PER_S_MAX)]
    clock.advance(ms=after_ms)

    assert taken == [None] * DENIALS_PER_S_MAX
    assert reason(door.may_record_denial("a")) is expected


def test_a_refused_denial_is_not_counted() -> None:
    """Knocking on does not keep the door shut."""
    clock = FakeClock()
    door = Doorkeeper(in_flight_max=1, clock=clock)
    for _ in range(3 * DENIALS_PER_S_MAX):
        door.may_record_denial("a")
    clock.advance(ms=1_000)

    assert door.may_record_denial("a") is None


def test_tenants_do_not_share_their_denials() -> None:
    """Each has its own fifty."""
    door = Doorkeeper(in_flight_max=1, clock=FakeClock())
    for _ in range(DENIALS_PER_S_MAX):
        door.may_record_denial("a")

    assert (reason(door.may_record_denial("a")), door.may_record_denial("b")) == (Reason.TOO_MANY_DENIALS, None)


def test_a_closed_door_says_why() -> None:
    """NOT_READY, with when to come back."""
    door = Doorkeeper(in_flight_max=1, clock=FakeClock())
    door.close("the gateway is stopping")

    refusal = door.enter("a")

    assert refusal is not None
    assert (refusal.reason, refusal.retry_after_ms) == (Reason.NOT_READY, 1_000)
    assert refusal.message.startswith("the gateway is stopping")
