"""Every RPC, asked anything: some messages here, a hundred thousand in `make prove`."""

from functools import cache

from tests.simulation.fuzz.messages import RPCS, Sent, drawn
from tests.simulation.fuzz.sending import send_all


@cache
def some() -> list[Sent]:
    return drawn(160, seeded=2)


async def test_whatever_is_sent_is_answered_by_us() -> None:
    """No INTERNAL, no silence, and the gateway is well afterwards."""
    assert await send_all(some()) == []


def test_most_rpcs_are_asked_and_some_without_a_deadline() -> None:
    """So that the other test means something."""
    asked = {one.method.replace("/", ".") for one in some()}

    assert asked <= RPCS
    assert len(asked) > 10
    assert any(not one.deadline for one in some())
