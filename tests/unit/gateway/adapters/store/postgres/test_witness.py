"""A store that has gone backwards while no gateway ran: refused by what the gateway remembers, until an operator has looked."""

import json
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from gateway.adapters.store.postgres.connecting import Access
from gateway.adapters.store.postgres.opening import open_store
from gateway.adapters.store.postgres.witness import Seen, Witness
from gateway.adapters.store.trouble import StoreRefused
from gateway.adapters.system import SystemClock
from tests.unit.gateway.adapters.store.postgres.conftest import Seated


@pytest.fixture
def witnessed(database: Access, tmp_path: Path) -> Access:
    return replace(database, witness=tmp_path / "var" / "witness")


async def wrote(seated: Seated, witnessed: Access) -> Seen:
    """What a gateway leaves that wrote three times and stopped."""
    desk = await seated(witnessed)
    for n in range(3):
        await desk.authorised(desk.ask(f"K-{n}"))
    await desk.store.close()
    assert witnessed.witness is not None
    return Seen(**json.loads(witnessed.witness.read_text()))


async def test_the_next_start_finds_what_was_acknowledged(seated: Seated, witnessed: Access) -> None:
    """Three transactions of that boot, known to the store: it is opened."""
    seen = await wrote(seated, witnessed)

    assert seen.batch == 3
    assert await open_store(witnessed, boot_id="b-next", clock=SystemClock()) == seen.store_id


@pytest.mark.parametrize("restored", ["UPDATE boots SET batch = 2", "DELETE FROM boots"])
async def test_an_older_state_is_refused_until_the_file_is_gone(
    seated: Seated, witnessed: Access, admin: "asyncpg.Connection[asyncpg.Record]", restored: str
) -> None:
    """As after a backup was restored: of that boot it knows less, or nothing."""
    await wrote(seated, witnessed)
    await admin.execute(restored)

    with pytest.raises(StoreRefused, match="and 3 were acknowledged: it has gone backwards"):
        await open_store(witnessed, boot_id="b-next", clock=SystemClock())

    assert witnessed.witness is not None
    witnessed.witness.unlink()
    assert await open_store(witnessed, boot_id="b-next", clock=SystemClock())


async def test_another_store_is_refused(seated: Seated, witnessed: Access, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Made anew under the same name."""
    seen = await wrote(seated, witnessed)
    await admin.execute("UPDATE identity SET store_id = gen_random_uuid()")

    with pytest.raises(StoreRefused, match=f"this gateway wrote to store {seen.store_id} before"):
        await open_store(witnessed, boot_id="b-next", clock=SystemClock())


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"store_id": "s", "boot_id": "b", "batch": "many"}'])
async def test_a_witness_that_cannot_be_read_is_no_witness(witnessed: Access, text: str) -> None:
    """Fail closed: somebody has to look."""
    assert witnessed.witness is not None
    witnessed.witness.parent.mkdir()
    witnessed.witness.write_text(text)

    with pytest.raises(StoreRefused, match="cannot be read"):
        await open_store(witnessed, boot_id="b-next", clock=SystemClock())


def test_it_is_written_once_a_second_and_when_it_matters(tmp_path: Path) -> None:
    """Every batch is noted, not every one is written."""
    path = tmp_path / "witness"
    witness = Witness(path)
    written = []
    for batch, now_s in ((1, 0.0), (2, 0.5), (3, 1.0), (4, 1.5)):
        witness.note(Seen(store_id="s", boot_id="b", batch=batch), now_s=now_s)
        written.append(json.loads(path.read_text())["batch"])
    witness.write()

    assert [*written, json.loads(path.read_text())["batch"]] == [1, 1, 3, 3, 4]
