"""The collector: what is old goes shelf by shelf, what is young or unended stays, and a sweep is bounded."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from gateway.domain.conservation import discrepancies
from gateway.domain.faults import StoreFault
from gateway.domain.lifecycle import State
from gateway.domain.reasons import Reason
from gateway.domain.records import CommitRow, KeyName
from gateway.domain.refusal import Refusal
from gateway.domain.writes.collecting import CollectCommit, Retention
from gateway.ports.store import Shelf
from gateway.service.collect import Collector, CollectorPace
from tests.fakes.activation import TENANT
from tests.fakes.clock import FakeClock
from tests.fakes.commands import PLAN, commit_command, decide_command, finish_command, patient, step_command
from tests.fakes.gateway import FakeGateway, gateway
from tests.fakes.host import DID_AND_VANISHED, FakeHost

KEEP_MS = 7 * 86_400_000
TOMBSTONE_MS = 90 * 86_400_000
PACE = CollectorPace(interval_ms=5, at_once=3, rest_ms=1, stretches_max=100)


def collector(one: FakeGateway, pace: CollectorPace = PACE) -> Collector:
    return Collector(store=one.store, clock=one.clock, retention=Retention(keep_ms=KEEP_MS, tombstone_ms=TOMBSTONE_MS), pace=pace)


async def commits(one: FakeGateway) -> Sequence[CommitRow]:
    return [row for _, row in await one.store.commits(tenant=TENANT, state="", workflow="", before=0, limit=100)]


async def a_whole_run(one: FakeGateway) -> None:
    """A step, a decision, its write, the end."""
    await one.runs.record_step(step_command())
    decided = await one.decide(decide_command())
    await one.commit(commit_command(action="activate_plan", payload=PLAN, decision_id=decided.row.decision_id))
    await one.runs.finish(finish_command())


async def test_a_run_that_is_over_leaves_nothing_but_its_record() -> None:
    """First what happened in it, then its keys, at last its name; the record stays, and everything adds up at every stage."""
    async with gateway() as one:
        await a_whole_run(one)
        said = await one.entries()
        old = collector(one)
        one.clock.advance(ms=KEEP_MS - 1)
        young = await old.sweep()
        one.clock.advance(ms=86_400_000 + 1)
        first = await old.sweep()
        books = await one.store.books()
        one.clock.advance(ms=TOMBSTONE_MS)
        last = await old.sweep()
        empty = await old.sweep()

        assert (sum(young.values()), sum(empty.values())) == (0, 0)
        assert {shelf: count for shelf, count in first.items() if count} == {Shelf.COMMITS: 1, Shelf.STEPS: 1}
        assert (len(books.decisions), discrepancies(books)) == (0, [])
        assert {shelf: count for shelf, count in last.items() if count} == {Shelf.RUNS: 1, Shelf.TOMBSTONES: 3}
        assert await one.entries() == said


async def test_a_key_is_retired_to_everybody() -> None:
    """To a late duplicate, and to whoever looks it up, at once or waiting."""
    async with gateway() as one:
        await one.commit(commit_command())
        one.clock.advance(ms=KEEP_MS + 86_400_000)
        await collector(one).sweep()

        sent_again = await one.refused(commit_command())
        key = KeyName(commit_command().key.space, TENANT, commit_command().key.key)
        looked_up = await one.lookup.commit(key, tenant=TENANT)
        waited = await one.lookup.wait(key, tenant=TENANT, until_s=asyncio.get_running_loop().time() + 5)

        assert sent_again.reason is Reason.KEY_RETIRED
        assert isinstance(looked_up, Refusal)
        assert isinstance(waited, Refusal)
        assert (looked_up.reason, waited.reason) == (Reason.KEY_RETIRED, Reason.KEY_RETIRED)
        assert len(one.billing.deliveries) == 1


async def test_what_has_not_ended_holds_up_nobody_else() -> None:
    """An unknown at the head of the shelf stays; what came after it goes."""
    clock = FakeClock()
    async with gateway(clock=clock, hosts={"billing": FakeHost(clock, DID_AND_VANISHED)}) as one:
        await one.commit(commit_command(key="K-0"))
        for number in range(1, 8):
            await one.commit(commit_command(key=f"K-{number}"))
        one.clock.advance(ms=KEEP_MS + 86_400_000)

        gone = await collector(one).sweep()

        assert gone[Shelf.COMMITS] == 7
        assert [row.state for row in await commits(one)] == [State.UNKNOWN]


async def test_a_sweep_is_bounded_and_the_next_goes_on_from_there() -> None:
    """Two stretches of three a sweep, until all ten are gone."""
    async with gateway() as one:
        for number in range(10):
            await one.commit(commit_command(key=f"K-{number}"))
        one.clock.advance(ms=KEEP_MS + 86_400_000)
        old = collector(one, replace(PACE, stretches_max=2))

        gone = [(await old.sweep())[Shelf.COMMITS] for _ in range(3)]

        assert gone == [6, 4, 0]


async def test_it_does_not_pause_while_it_is_behind() -> None:
    """What a bounded sweep had to leave goes at once, shelf by shelf; the pause after it is an hour, and a test that waited for it would not end."""
    async with gateway() as one:
        for number in range(10):
            await one.commit(commit_command(key=f"K-{number}"))
        one.clock.advance(ms=KEEP_MS + 86_400_000)

        running = asyncio.create_task(collector(one, replace(PACE, stretches_max=1, interval_ms=3_600_000)).run())
        await one.store.until_written(CollectCommit, 10)

        running.cancel()
        await asyncio.wait({running})
        assert await commits(one) == []


async def test_it_turns_back_at_the_first_that_is_young() -> None:
    """A shelf that is long and young is not read to its end."""
    async with gateway() as one:
        for number in range(10):
            await one.commit(commit_command(key=f"K-{number}"))
        one.clock.advance(ms=KEEP_MS - 3_600_000)
        old = collector(one)

        await old.sweep()

        assert old.bookmarks[Shelf.COMMITS] == ""


async def test_it_goes_on_until_cancelled_and_over_a_fault() -> None:
    """A fault of the store ends one sweep."""
    async with gateway() as one:
        await one.commit(commit_command())
        one.clock.advance(ms=KEEP_MS + 86_400_000)
        one.store.fails(CollectCommit, StoreFault("no room"))
        running = asyncio.create_task(collector(one).run())
        await one.store.until_written(CollectCommit)
        running.cancel()
        await asyncio.wait({running})

        assert running.cancelled()
        assert await commits(one) == []
        assert (await one.refused(commit_command(patience=patient()))).reason is Reason.KEY_RETIRED


async def test_a_store_that_is_gone_ends_it() -> None:
    """It returns, and whoever watches it hears of it."""
    async with gateway() as one:
        await one.commit(commit_command())
        one.clock.advance(ms=KEEP_MS + 86_400_000)
        one.store.down = True

        await asyncio.wait_for(collector(one).run(), timeout=10)
        one.store.down = False
