"""Limits at the door: in memory, without a trace."""

from gateway.domain.reasons import Reason
from gateway.domain.refusal import Refusal
from gateway.service.doorkeeper import Doorkeeper


def reason(found: Refusal | None) -> Reason | None:
    return found.reason if found else None


def test_a_tenant_gets_half_of_the_gateway_and_all_together_the_whole() -> None:
    """One tenant cannot crowd out the others."""
    door = Doorkeeper(in_flight_max=4)

    entered = [reason(door.enter(tenant)) for tenant in ("a", "a", "a", "b", "b", "c")]

    assert entered == [None, None, Reason.OVERLOADED, None, None, Reason.OVERLOADED]


def test_whoever_leaves_makes_room() -> None:
    """For its own tenant and for the others."""
    door = Doorkeeper(in_flight_max=2)
    door.enter("a")
    full = door.enter("a")
    door.leave("a")

    assert (reason(full), door.enter("a")) == (Reason.OVERLOADED, None)


def test_the_smallest_gateway_still_admits_one() -> None:
    """Half of one is one."""
    door = Doorkeeper(in_flight_max=1)

    assert (door.enter("a"), reason(door.enter("b"))) == (None, Reason.OVERLOADED)


def test_a_closed_door_says_why() -> None:
    """NOT_READY, with when to come back."""
    door = Doorkeeper(in_flight_max=1)
    door.close("the gateway is stopping")

    refusal = door.enter("a")

    assert refusal is not None
    assert (refusal.reason, refusal.retry_after_ms) == (Reason.NOT_READY, 1_000)
    assert refusal.message.startswith("the gateway is stopping")
