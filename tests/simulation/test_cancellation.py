"""Callers that hang up, over a real server: a few points of each scenario here, every point in `make prove`."""

import pytest

from tests.simulation.cancelled_calls import SCENARIOS
from tests.simulation.cancelling import cancel_at

SOME = (("port", 0), ("port", 5), ("turn", 0), ("turn", 2), ("turn", 4))


@pytest.mark.parametrize("name", [*SCENARIOS])
async def test_a_cancelled_call_leaves_nothing_behind(name: str) -> None:
    """And the same request again is answered, with one delivery in all."""
    cancelled = [await cancel_at(SCENARIOS[name], place, number) for place, number in SOME]

    assert [wrong for one in cancelled for wrong in one.wrong] == []
    assert cancelled[0].at.startswith("before ")
    assert cancelled[2].at == "wait 1"
