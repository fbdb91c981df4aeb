"""A COMMIT whose reply is lost (R8): what became of it is found out before anybody is told anything, and nothing is done twice."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from gateway.adapters.store.postgres.connecting import Access
from gateway.adapters.store.postgres.store import PostgresStore
from gateway.domain.faults import StoreAmbiguous, StoreFault
from gateway.domain.lifecycle import Event, State
from gateway.domain.reasons import Reason
from gateway.domain.writes.commits import Authorised
from tests.contract.store_desk import Desk, limit, reasons, terms, writes
from tests.fakes.cutting_proxy import Cut, CuttingProxy
from tests.unit.gateway.adapters.store.postgres.conftest import Seated
from tests.unit.gateway.adapters.store.postgres.test_locks import until_waiting


@pytest.fixture
async def proxy(database: Access) -> AsyncIterator[CuttingProxy]:
    """A short folder: the path of a socket is bounded."""
    with tempfile.TemporaryDirectory(prefix="cs-cut-") as folder:
        async with CuttingProxy(Path(folder), server=Path(database.host)) as made:
            yield made


@pytest.fixture
async def cut_desk(seated: Seated, database: Access, proxy: CuttingProxy) -> Desk:
    """A gateway behind the proxy, whose writer is connected."""
    desk = await seated(replace(database, host=str(proxy._path.parent)))
    desk.terms = terms(budgets=[limit(100)])
    await desk.authorised(desk.ask("K-0"))
    return desk


@pytest.mark.parametrize("cut", [Cut.AFTER, Cut.BEFORE])
async def test_a_batch_whose_commit_was_not_answered_is_done_once(cut_desk: Desk, proxy: CuttingProxy, cut: Cut) -> None:
    """Done or not, its members get the answer they would have got, with the ids they came with; each is recorded once."""
    claims = [cut_desk.claim(cut_desk.ask(f"K-{n}", costs=writes())) for n in range(1, 6)]
    proxy.cut_next_commit(cut)

    replies = await cut_desk.together(claims)

    assert proxy.cuts == 1
    assert [reply.row.commit_id for reply in replies if isinstance(reply, Authorised)] == [claim.commit_id for claim in claims]
    assert [reply.row.attempt_id for reply in replies if isinstance(reply, Authorised)] == [claim.attempt_id for claim in claims]
    assert (await cut_desk.balances())["run"] == (5, 0)
    counters = [entry.counter for _, entry in await cut_desk.store.entries(claims[0].ask.run, after=0, limit=100)]
    assert counters == list(range(1, 7))


@pytest.mark.parametrize("cut", [Cut.AFTER, Cut.BEFORE])
async def test_a_t2_whose_commit_was_not_answered_settles_once(cut_desk: Desk, proxy: CuttingProxy, cut: Cut) -> None:
    """No LATE_OUTCOME of its own, no second settling."""
    row = await cut_desk.authorised(cut_desk.ask("K-1", costs=writes(3)))
    proxy.cut_next_commit(cut)

    ended = await cut_desk.settled(row, Event.HOST_DID)

    assert ended.state is State.SUCCEEDED
    assert (await cut_desk.balances())["run"] == (0, 3)
    assert await cut_desk.kinds() == ["INTENT", "INTENT", "OUTCOME"]


async def test_a_commit_that_is_still_under_way_is_waited_for(cut_desk: Desk, proxy: CuttingProxy, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A SELECT sees nothing of it while its backend runs; the boot's row is locked by it, and tells when it is over."""
    proxy.cut_next_commit(Cut.LATE)
    claim = cut_desk.claim(cut_desk.ask("K-1", costs=writes(2)))
    asked = asyncio.ensure_future(cut_desk.write(claim))
    await until_waiting(admin)
    seen = await admin.fetchval("SELECT count(*) FROM commits WHERE commit_id = $1", claim.commit_id)
    assert not asked.done()

    proxy.let_go.set()

    reply = await asked
    assert (seen, isinstance(reply, Authorised)) == (0, True)
    assert await cut_desk.kinds() == ["INTENT", "INTENT"]
    assert (await cut_desk.balances())["run"] == (2, 0)


async def test_a_commit_that_nobody_answers_is_cut_off_and_found_out(cut_desk: Desk, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection stays open and silent: after a time it is given up, not cancelled, and what came of it is asked over another."""
    monkeypatch.setattr("gateway.adapters.store.postgres.link._COMMIT_S_MAX", 0.2)
    proxy.cut_next_commit(Cut.SILENT)

    row = await cut_desk.authorised(cut_desk.ask("K-1", costs=writes(2)))

    proxy.let_go.set()
    assert await cut_desk.stored(row.commit_id) == row
    assert await cut_desk.kinds() == ["INTENT", "INTENT"]


async def test_one_more_write_is_acknowledged_before_anybody_hears_yes(
    cut_desk: Desk, proxy: CuttingProxy, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """What one can read may not be safe yet; what is written after it, and acknowledged, makes it so."""
    confirmed = "SELECT sum(confirmed) FROM boots"
    before = await admin.fetchval(confirmed)
    proxy.cut_next_commit(Cut.AFTER)

    await cut_desk.authorised(cut_desk.ask("K-1"))

    assert await admin.fetchval(confirmed) == before + 1


async def test_what_cannot_be_found_out_is_given_up_and_never_sent(cut_desk: Desk, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller hears that nobody knows; when the server is back, the attempt that had been made is recorded as not sent in time."""
    monkeypatch.setattr("gateway.adapters.store.postgres.writer._FATE_S_MAX", 0.2)
    claim = cut_desk.claim(cut_desk.ask("K-1", costs=writes(2)))
    proxy.cut_next_commit(Cut.AFTER)
    proxy.refuses = True
    with pytest.raises(StoreAmbiguous):
        await cut_desk.write(claim)
    with pytest.raises(StoreFault):
        await cut_desk.write(cut_desk.claim(cut_desk.ask("K-2")))

    proxy.refuses = False

    await cut_desk.authorised(cut_desk.ask("K-3"))
    assert isinstance(cut_desk.store, PostgresStore)
    await asyncio.gather(*cut_desk.store._regretted)
    row = await cut_desk.stored(claim.commit_id)
    assert (row.state, reasons(row)) == (State.FAILED, [Reason.NOT_SENT_IN_TIME])
    assert (await cut_desk.balances())["run"] == (0, 0)
    assert cut_desk.store.ready()


async def test_a_server_that_lost_what_it_acknowledged_is_not_written_to_again(cut_desk: Desk, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
    """As after a failover to a standby that had not everything: the gateway's own row says less than was acknowledged."""
    await cut_desk.authorised(cut_desk.ask("K-1"))
    await admin.execute("UPDATE boots SET batch = batch - 1")
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'countersign'")

    for key in ("K-2", "K-3"):
        with pytest.raises(StoreFault, match="lost what it acknowledged: it knows 1 transactions of this gateway, and 2 were acknowledged"):
            await cut_desk.write(cut_desk.claim(cut_desk.ask(key)))

    assert not cut_desk.store.ready()
    await admin.execute("UPDATE boots SET batch = batch + 1")
