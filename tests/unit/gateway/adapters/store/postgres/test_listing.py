"""A listing of what is rare looks down the store stretch by stretch, and finds what one look at everything would."""

import pytest

from gateway.adapters.store.postgres import read
from gateway.domain.lifecycle import Event, State
from tests.contract.store_desk import TENANT, Desk

FAILED = {1, 2, 9, 17}


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_STRETCH", 1)
    monkeypatch.setattr(read, "_STRETCH_MAX", 3)


async def listed(desk: Desk, *, state: str, before: int = 0, limit: int = 100) -> list[str]:
    found = await desk.store.commits(tenant=TENANT, state=state, workflow="", before=before, limit=limit)
    return [row.key.decode() for _, row in found]


async def test_what_is_rare_is_found_wherever_it_lies(desk: Desk) -> None:
    """Newest first, no more than was asked for, from where the page before ended; what there is none of is not there."""
    for number in range(20):
        await desk.committed(desk.ask(f"K-{number}"), Event.HOST_DID_NOT if number in FAILED else Event.HOST_DID)
    places = {row.key.decode(): place for place, row in await desk.store.commits(tenant=TENANT, state="", workflow="", before=0, limit=100)}

    assert await listed(desk, state=State.FAILED) == ["K-17", "K-9", "K-2", "K-1"]
    assert await listed(desk, state=State.FAILED, limit=2) == ["K-17", "K-9"]
    assert await listed(desk, state=State.FAILED, before=places["K-9"], limit=2) == ["K-2", "K-1"]
    assert await listed(desk, state=State.FAILED, before=places["K-1"]) == []
    assert await listed(desk, state="") == [f"K-{number}" for number in reversed(range(20))]
    assert await listed(desk, state=State.DENIED) == []
    assert await listed(desk, state=State.UNKNOWN) == []
