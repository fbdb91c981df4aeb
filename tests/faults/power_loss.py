"""The power goes at any moment: whatever of the unsynced writes reached the disk, nothing acknowledged is lost and no page is torn.

1. One store's work is recorded down to the write; it is deterministic, so that a case (`moment/number`) is the same in every run.
2. At a moment, what was synced is there; of the rest any part may be: every subset of a few, chosen ones of many, and torn writes.
3. Each state is opened as the next start would, checked page by page, and held against what had been acknowledged and delivered by then.
"""

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from gateway.adapters.store.sqlite import SqliteStore
from gateway.adapters.system import SystemClock, SystemIds
from gateway.domain.halts import HaltScope
from gateway.domain.lifecycle import Event, State, Thinking
from gateway.domain.records import CommitRow
from gateway.domain.targets import HostMode
from gateway.domain.writes.halts import LiftHalt, ThrowHalt
from tests.contract.store_desk import Desk, SqliteSeat, limit, terms, writes
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds
from tests.faults.recorded_disk import Event as DiskEvent
from tests.faults.recorded_disk import Image, Mark, Synced, Written, after_power_cut, counts_unsynced, recorded_disk, torn, unsynced
from tests.prove.ledger_check import Case, Delivery, Told, broken, read_sqlite
from tests.prove.suite import Assignment, Report, each, evenly

_ALL_SUBSETS_MAX: Final = 5  # writes; beyond it they are chosen
_CHOSEN: Final = 24
_TORN_AT: Final = (1, 3, 7, -1, -7)
_WHOLE_START_EVERY: Final = 50  # cases that are also opened and recovered as a gateway does
_NAMES: Final = {"database": "store.db", "log": "store.db-wal"}


@dataclass(frozen=True, slots=True)
class _Halted:
    """An acknowledged halt, or its acknowledged lifting."""

    halt_id: str
    lifted: bool


@dataclass(frozen=True, slots=True)
class _Decided:
    """An acknowledged end of thinking."""

    decision_id: str


@dataclass(frozen=True, slots=True)
class _Moment:
    """What all states of one moment have in common."""

    durable: Image
    pending: Sequence[Written]
    marks: Sequence[object]


@dataclass(slots=True)
class _Recorded:
    base: Image
    events: Sequence[DiskEvent]
    _last: tuple[int, _Moment] | None = None  # cases come moment by moment

    def at(self, moment: int) -> _Moment:
        if self._last is None or self._last[0] != moment:
            self._last = (moment, self._made(self.events[:moment]))
        return self._last[1]

    def _made(self, happened: Sequence[DiskEvent]) -> _Moment:
        pending = unsynced(happened)
        kept = set(map(id, pending))
        durable = after_power_cut(self.base, [one for one in happened if isinstance(one, Written) and id(one) not in kept])
        return _Moment(durable, pending, [event.what for event in happened if isinstance(event, Mark)])


def run(given: Assignment) -> Report:
    recorded = asyncio.run(_record(given.folder))
    moments = [place for place, event in enumerate(recorded.events, 1) if not isinstance(event, Mark)]
    open_writes = counts_unsynced(recorded.events)
    cases = evenly([f"{moment}/{number}" for moment in moments for number in range(_states_of(open_writes[moment - 1]))], given.volume)
    more = (f"{moment}/{number}" for number in itertools.count(_CHOSEN * 2) for moment in moments)
    cases += itertools.islice(more, max(0, given.volume - len(cases)))
    tried = itertools.count()
    report = each(given, cases, lambda case: _try_out(given, recorded, case, whole=next(tried) % _WHOLE_START_EVERY == 0))
    syncs = sum(isinstance(event, Synced) for event in recorded.events)
    return Report(volume=report.volume, failures=report.failures, note=f"at {len(moments)} moments between {syncs} syncs")


async def _record(folder: Path) -> _Recorded:
    """Commits of every kind, alone and together, over two moves of the log into the database."""
    seat, clock, ids = SqliteSeat(folder), FakeClock(), CountingIds()
    with recorded_disk() as disk:
        desk = Desk(store=await seat.open(clock, ids), seat=seat, clock=clock, ids=ids, terms=terms(steps_max=10**6, budgets=[limit(10**6)]))
        store = desk.store
        assert isinstance(store, SqliteStore)
        await desk.activate(tenant=[limit(10**6)])
        base = {file: bytearray((folder / name).read_bytes()) for file, name in _NAMES.items()}
        disk.events.clear()
        for round_ in range(6):
            for number, event in enumerate((Event.HOST_DID, Event.HOST_DID_NOT, Event.NOBODY_KNOWS)):
                await _one(desk, disk.note, f"K-{round_}-{number}", event)
            await asyncio.gather(*(_one(desk, disk.note, f"T-{round_}-{number}", Event.HOST_DID) for number in range(4)))
            row = await desk.denied(desk.ask(f"D-{round_}", costs=writes(10**7)))
            disk.note(Mark(_told(f"D-{round_}", row)))
            await _halt_and_decide(desk, disk.note, f"{round_}")
            if round_ in {1, 3}:
                await store._writing.do(store._writer.tidy)
        events = [*disk.events]
        await store.close()
    return _Recorded(base, events)


async def _one(desk: Desk, note: Callable[[DiskEvent], None], key: str, event: Event) -> None:
    row = await desk.authorised(desk.ask(key, costs=writes(1)))
    note(Mark(_told(key, row)))
    note(Mark(Delivery(key=f"cs-{row.commit_id}", at_ms=desk.clock.now_ms(), applied=event is not Event.HOST_DID_NOT)))
    note(Mark(_told(key, await desk.settled(row, event, response=b"answered"))))


async def _halt_and_decide(desk: Desk, note: Callable[[DiskEvent], None], name: str) -> None:
    thrown = ThrowHalt(halt_id=f"h-{name}", scope=HaltScope(tenant="another"), reason="drill", principal="dora", salt=b"salt")
    await desk.write(thrown)
    note(Mark(_Halted(thrown.halt_id, lifted=False)))
    decision = await desk.decided(f"Q-{name}")
    note(Mark(_Decided(decision.decision_id)))
    await desk.write(LiftHalt(halt_id=thrown.halt_id, reason="over", principal="dora", salt=b"salt"))
    note(Mark(_Halted(thrown.halt_id, lifted=True)))


def _told(key: str, row: CommitRow) -> Told:
    return Told(key=key, generation=row.generation, commit_id=row.commit_id, state=row.state)


def _states_of(open_writes: int) -> int:
    """How many states are told apart by name; those beyond are drawn."""
    return 2**open_writes + (len(_TORN_AT) if open_writes else 0) if open_writes <= _ALL_SUBSETS_MAX else _CHOSEN + len(_TORN_AT)


def _kept(pending: Sequence[Written], number: int, chance: random.Random) -> list[Written]:
    """Which of the unsynced writes reached the disk in state `number`."""
    few = len(pending) <= _ALL_SUBSETS_MAX
    subsets = 2 ** len(pending) if few else _CHOSEN
    if few and number < subsets:
        return [one for place, one in enumerate(pending) if number >> place & 1]
    if number < subsets:
        return _chosen(pending, number, chance)
    if pending and number < subsets + len(_TORN_AT):
        return [*pending[:-1], torn(pending[-1], sectors=_TORN_AT[number - subsets])]
    return _chosen(pending, _CHOSEN, chance)


def _chosen(pending: Sequence[Written], number: int, chance: random.Random) -> list[Written]:
    """None, all, all but the last, all but the first, only the last; then any, some of them torn."""
    match number:
        case 0:
            return []
        case 1:
            return [*pending]
        case 2:
            return [*pending[:-1]]
        case 3:
            return [*pending[1:]]
        case 4:
            return [*pending[-1:]]
        case _:
            some = [one for one in pending if chance.random() < chance.choice((0.2, 0.5, 0.9))]
            return [torn(one, sectors=chance.choice(_TORN_AT)) if chance.random() < 0.1 and not one.cut else one for one in some]


def _try_out(given: Assignment, recorded: _Recorded, case: str, *, whole: bool) -> str:
    moment, number = (int(part) for part in case.split("/"))
    of = recorded.at(moment)
    image = after_power_cut(of.durable, _kept(of.pending, number, given.draw(case)))
    folder = given.folder / "state"
    folder.mkdir(exist_ok=True)
    for file, name in _NAMES.items():
        _lay(folder / name, image.get(file, b""))
    (folder / "store.db-shm").unlink(missing_ok=True)
    return "; ".join(_wrong(folder / "store.db", of.marks, whole=whole or bool(given.only)))


def _lay(path: Path, content: bytes | bytearray) -> None:
    """Over what is there: a file that is emptied first costs more than everything else about a state."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.write(content)
        file.truncate()


def _wrong(path: Path, marks: Sequence[object], *, whole: bool) -> Iterator[str]:
    connection = apsw.Connection(str(path))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # the state is looked at, and then made anew
    try:
        [(found,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
        if found != "ok":
            yield f"the database is damaged: {found}"
            return
        stored = read_sqlite(path)
        lifted: dict[object, bool] = {halt_id: bool(at_ms) for halt_id, at_ms in connection.execute("SELECT halt_id, lifted_at_ms FROM halts")}
    except apsw.Error as error:
        yield f"the database cannot be read: {type(error).__name__}: {error}"
        return
    finally:
        connection.close()
    told, deliveries = [one for one in marks if isinstance(one, Told)], [one for one in marks if isinstance(one, Delivery)]
    yield from broken(Case(stored=stored, deliveries=deliveries, told=told, modes={"billing": HostMode.QUERY}))
    decided = {row.decision_id for row in stored.books.decisions if row.state is Thinking.DECIDED}
    for mark in marks:
        match mark:
            case _Halted(halt_id, lifted=wanted) if halt_id not in lifted or (wanted and not lifted[halt_id]):
                yield f"the halt {halt_id} was acknowledged as {'lifted' if wanted else 'thrown'}, and is not"
            case _Decided(decision_id) if decision_id not in decided:
                yield f"I6: the decision {decision_id} was acknowledged, and is not there"
            case _:
                pass
    if whole:
        yield from asyncio.run(_started(path))


async def _started(path: Path) -> list[str]:
    """As a gateway starts: locked, checked, recovered."""
    store = await SqliteStore.open(path, ids=SystemIds(), clock=SystemClock(), reserve_bytes=0)
    await store.recover()
    books = await store.books()
    await store.close()
    return [f"I8: {row.commit_id} is FORWARDING after recovery" for row in books.commits if row.state is State.FORWARDING]
