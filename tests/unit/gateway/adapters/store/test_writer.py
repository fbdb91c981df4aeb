"""The writer: one guilty member does not spoil a batch, hands from outside are noticed, and below the reserve nothing begins."""

import asyncio
from pathlib import Path

import apsw
import pytest

from gateway.adapters.store.reserve import Reserve
from gateway.adapters.store.sqlite import SqliteStore
from gateway.domain.budget import Ledger, Level, Node, NodeRow, Window
from gateway.domain.faults import StorageLow
from gateway.domain.halts import HaltScope
from gateway.domain.lifecycle import Event
from gateway.domain.reasons import Reason
from gateway.domain.rows import Rows, Wants, Write
from gateway.domain.writes.commits import Authorised
from gateway.domain.writes.halts import LiftHalt, ThrowHalt
from tests.contract.store_desk import RUN, Desk, limit, reasons, terms, writes
from tests.fakes.clock import FakeClock


class Guilty(Write[None]):
    """A member that breaks a law: while it decides, or by what it wants written."""

    def __init__(self, *, by: str) -> None:
        self.by = by

    def wants(self) -> Wants:
        return Wants(runs=(RUN,))

    def apply(self, rows: Rows) -> None:
        node = Node(Level.TENANT, "acme", "", "", Ledger.WRITES, "", Window.TOTAL)
        match self.by:
            case "assertion":
                raise AssertionError("planted")
            case "lookup":
                rows.commits["c-nothing"]
            case "check":
                rows.put_node(NodeRow(node=node, window_start_ms=0, held=-1, settled=0))
            case _:
                rows.put_node(NodeRow(node=node, window_start_ms=0, held=2**70, settled=0))


@pytest.mark.parametrize(("by", "raised"), [("assertion", AssertionError), ("lookup", KeyError), ("check", AssertionError), ("overflow", OverflowError)])
async def test_one_guilty_member_gets_its_exception_and_its_neighbours_their_answers(desk: Desk, by: str, raised: type[Exception]) -> None:
    """The batch is rolled back and its members tried one by one; counters stay gapless."""
    claims = [desk.claim(desk.ask(f"K-{n}")) for n in range(3)]

    found = await asyncio.gather(desk.write(claims[0]), desk.write(Guilty(by=by)), desk.write(claims[1]), desk.write(claims[2]), return_exceptions=True)

    assert [type(one) for one in found] == [Authorised, raised, Authorised, Authorised]
    assert [entry.counter for _, entry in await desk.store.entries(RUN, after=0, limit=10)] == [1, 2, 3]
    assert desk.store.ready()


async def test_a_batch_is_one_transaction(desk: Desk) -> None:
    """What is asked in one turn of the loop is synced once."""
    store = desk.store
    assert isinstance(store, SqliteStore)
    commits: list[int] = []

    def committed(_connection: apsw.Connection, _name: str, log_pages: int) -> int:
        commits.append(log_pages)
        return apsw.SQLITE_OK

    store._opened.writer.set_wal_hook(committed)

    await desk.together([desk.claim(desk.ask(f"K-{n}")) for n in range(32)])

    assert len(commits) == 1


async def test_rows_moved_by_another_hand_are_read_again(desk: Desk) -> None:
    """An operator edits the file while the gateway runs: what the writer kept in memory is forgotten."""
    desk.terms = terms(budgets=[limit(10)])
    row = await desk.authorised(desk.ask("K-1", costs=writes(1)))
    edit(desk, "UPDATE nodes SET held = held + 8")

    denied = await desk.denied(desk.ask("K-2", costs=writes(2)))

    assert denied.notes[0].facts["left"] == "1"
    edit(desk, "UPDATE nodes SET held = held - 8")
    assert (await desk.settled(row, Event.HOST_DID)).holds[0].left == 9


async def test_a_halt_put_in_by_hand_is_a_halt(desk: Desk) -> None:
    """The gate's version moves with it, as the schema says."""
    await desk.authorised(desk.ask("K-1"))
    edit(desk, "INSERT INTO halts VALUES ('h-1', '', '', '', '', '', '', '', 'by hand', 'root', 1, 0, '', '', x'', x'')")
    edit(desk, "UPDATE gate SET version = version + 1")

    assert reasons(await desk.denied(desk.ask("K-2"))) == [Reason.HALTED]


async def test_below_the_reserve_nothing_begins_and_everything_ends(desk: Desk) -> None:
    """T1 of commits and decisions is refused; T2, halts and recorded ends are written. Looked at once a second."""
    store = desk.store
    assert isinstance(store, SqliteStore)
    row = await desk.authorised(desk.ask("K-1"))
    thought = await desk.begun(desk.thinking_ask("D-1"))
    store._writer._reserve._reserve_bytes = 2**62
    still = await desk.authorised(desk.ask("K-2"))
    desk.clock.advance(ms=1_000)

    found = await asyncio.gather(
        desk.write(desk.claim(desk.ask("K-3"))),
        desk.write(desk.thought(desk.thinking_ask("D-2"))),
        desk.settled(row, Event.HOST_DID),
        desk.concluded(thought),
        desk.write(ThrowHalt(halt_id="h-1", scope=HaltScope(), reason="full", principal="dora", salt=b"s")),
        return_exceptions=True,
    )
    store._writer._reserve._reserve_bytes = 0
    desk.clock.advance(ms=1_000)
    await desk.write(LiftHalt(halt_id="h-1", reason="room", principal="dora", salt=b"s"))

    assert [type(one) for one in found[:2]] == [StorageLow, StorageLow]
    assert "kept for finishing what has begun" in str(found[0])
    assert not [one for one in found[2:] if isinstance(one, Exception)]
    assert [(await desk.authorised(desk.ask("K-3"))).state, still.state] == ["FORWARDING", "FORWARDING"]


def test_a_disk_that_cannot_be_asked_counts_as_full(tmp_path: Path) -> None:
    """Fail closed."""
    assert Reserve(tmp_path, reserve_bytes=0, clock=FakeClock()).lack() == ""
    assert "does not say" in Reserve(tmp_path / "gone", reserve_bytes=0, clock=FakeClock()).lack()


def edit(desk: Desk, sql: str) -> None:
    store = desk.store
    assert isinstance(store, SqliteStore)
    connection = apsw.Connection(store._opened.writer.filename)
    connection.execute(sql)
    connection.close()
