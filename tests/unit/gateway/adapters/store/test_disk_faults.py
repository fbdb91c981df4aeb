"""When the disk fails: who is told what, that nothing is tried again after a failed sync, and that the next start has what was acknowledged."""

import asyncio

import apsw
import pytest

from gateway.adapters.store.sqlite import SqliteStore
from gateway.adapters.store.trouble import StoreDown
from gateway.domain.asks import Twin
from gateway.domain.faults import StoreAmbiguous, StoreFault
from gateway.domain.lifecycle import Event, State
from gateway.domain.records import CommitRow
from gateway.domain.writes.commits import Authorised
from tests.contract.store_desk import Desk, limit, terms, writes
from tests.fakes.faulty_disk import FaultyDisk


async def test_a_sync_that_fails_at_commit_is_ambiguous_for_all_and_the_end_of_the_store(shaky_desk: Desk, disk: FaultyDisk) -> None:
    """Everybody in the batch is told that nobody knows; afterwards nothing is written, and not one more sync is asked for."""
    before = await shaky_desk.authorised(shaky_desk.ask("K-0"))
    disk.breaks["sync", "log"] = apsw.IOError

    together = [shaky_desk.write(shaky_desk.claim(shaky_desk.ask(f"K-{n}"))) for n in range(1, 4)]
    found = await asyncio.gather(*together, return_exceptions=True)
    done_then = disk.done.copy()
    later = await asyncio.gather(shaky_desk.settled(before, Event.HOST_DID), return_exceptions=True)

    assert [type(one) for one in found] == [StoreAmbiguous] * 3
    assert [type(one) for one in later] == [StoreDown]
    assert not shaky_desk.store.ready()
    assert disk.done == done_then


async def test_after_the_restart_the_acknowledged_is_there_and_the_ambiguous_is_whole_or_absent(shaky_desk: Desk, disk: FaultyDisk) -> None:
    """Either with its key, its hold and its entry, or without a trace: asking again with the same key tells."""
    shaky_desk.terms = terms(budgets=[limit(10)])
    acknowledged = await shaky_desk.committed(shaky_desk.ask("K-0", costs=writes(1)))
    disk.breaks["sync", "log"] = apsw.IOError
    with pytest.raises(StoreAmbiguous):
        await shaky_desk.authorised(shaky_desk.ask("K-1", costs=writes(2)))
    disk.breaks.clear()

    await shaky_desk.reopen()

    assert await shaky_desk.stored(acknowledged.commit_id) == acknowledged
    again = await shaky_desk.write(shaky_desk.claim(shaky_desk.ask("K-1", costs=writes(2))))
    assert isinstance(again, Authorised | Twin)
    assert (await shaky_desk.balances())["run"] == (2, 1)
    assert (await shaky_desk.kinds()).count("INTENT") == 2


async def test_a_write_that_fails_at_commit_is_ambiguous_too(shaky_desk: Desk, disk: FaultyDisk) -> None:
    """No guess about how far COMMIT came: a full disk there is as bad as a broken one."""
    disk.breaks["write", "log"] = apsw.FullError

    with pytest.raises(StoreAmbiguous):
        await shaky_desk.authorised(shaky_desk.ask("K-1"))

    assert not shaky_desk.store.ready()


async def test_a_disk_known_to_be_low_shows_that_it_is_full_before_commit(shaky_desk: Desk, disk: FaultyDisk) -> None:
    """Nothing has happened, so it is a plain fault; the store goes on, and T2 is written once there is room again."""
    row = await shaky_desk.authorised(shaky_desk.ask("K-0"))
    with_low_disk(shaky_desk)
    disk.breaks["write", "log"] = apsw.FullError

    with pytest.raises(StoreFault) as caught:
        await shaky_desk.settled(row, Event.HOST_DID)
    state_then = (await shaky_desk.stored(row.commit_id)).state
    disk.breaks.clear()
    settled = await shaky_desk.settled(row, Event.HOST_DID)

    assert type(caught.value) is StoreFault
    assert shaky_desk.store.ready()
    assert (state_then, settled.state) == (State.FORWARDING, State.SUCCEEDED)


async def test_a_broken_disk_before_commit_is_a_plain_fault_and_the_end_of_the_store(shaky_desk: Desk, disk: FaultyDisk) -> None:
    """COMMIT was never reached: definitely nothing happened, yet nothing more is taken."""
    row = await shaky_desk.authorised(shaky_desk.ask("K-0"))
    with_low_disk(shaky_desk)
    disk.breaks["write", "log"] = apsw.IOError

    with pytest.raises(StoreDown):
        await shaky_desk.settled(row, Event.HOST_DID)

    assert not shaky_desk.store.ready()


async def test_a_sync_that_fails_while_the_log_is_moved_is_the_end_of_the_store(shaky_desk: Desk, disk: FaultyDisk) -> None:
    """SQLite itself would go on; pages the kernel has dropped would be missing when the log is gone."""
    disk.breaks["sync", "database"] = apsw.IOError
    synced_before = disk.done["sync", "database"]
    store = shaky_desk.store
    assert isinstance(store, SqliteStore)

    written = 0
    for batch in range(25):
        claims = [shaky_desk.claim(shaky_desk.ask(f"K-{batch}-{n}"), payload=bytes(64_000)) for n in range(32)]
        replies = await asyncio.gather(*(shaky_desk.write(claim) for claim in claims), return_exceptions=True)
        written += sum(isinstance(reply, Authorised) for reply in replies)
        await store._writing.do(lambda: None)
        if not store.ready():
            break

    assert 0 < written < 25 * 32
    assert not store.ready()
    assert disk.done["sync", "database"] == synced_before + 1
    with pytest.raises(StoreDown):
        await shaky_desk.authorised(shaky_desk.ask("K-late"))


async def test_a_file_that_somebody_keeps_locked_costs_nobody_their_outcome(desk: Desk) -> None:
    """Another program writes in the store: the batch is told at once, nothing happened, and the store goes on."""
    store = desk.store
    assert isinstance(store, SqliteStore)
    store._opened.writer.set_busy_timeout(1)
    intruder = apsw.Connection(store._opened.writer.filename)
    intruder.execute("BEGIN IMMEDIATE")

    found = await asyncio.gather(*(desk.write(desk.claim(desk.ask(f"K-{n}"))) for n in range(3)), return_exceptions=True)
    intruder.execute("ROLLBACK")
    intruder.close()

    assert [type(one) for one in found] == [StoreFault] * 3
    assert isinstance(await desk.stored((await desk.authorised(desk.ask("K-0"))).commit_id), CommitRow)


def with_low_disk(desk: Desk) -> None:
    """From the next second on, less is free than the reserve."""
    store = desk.store
    assert isinstance(store, SqliteStore)
    store._writer._reserve._reserve_bytes = 2**62
    desk.clock.advance(ms=1_000)
