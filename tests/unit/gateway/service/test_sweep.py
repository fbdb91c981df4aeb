"""What a sweep finds besides unknowns: expired leases, lost thoughts, runs out of time; and the loop around it."""

import asyncio

import pytest

from gateway.domain.audit import EntryKind
from gateway.domain.budget import HoldState
from gateway.domain.faults import StoreFault
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.reasons import DecideStop, Reason, RunStop
from gateway.domain.writes.runs import TimeOutRun
from gateway.ports.store import Due, StoredCommit
from tests.fakes.activation import activation
from tests.fakes.commands import commit_command, decide_command, patient, step_command
from tests.fakes.gateway import FakeGateway, gateway, terms
from tests.fakes.rows import RUN

NOTHING = Due(interrupted=(), unknown=(), lost=(), timed_out=())


async def stored(one: FakeGateway) -> StoredCommit:
    found = await one.store.commit_of_key(commit_command().key)
    assert isinstance(found, StoredCommit)
    return found


async def test_nothing_due_is_nothing_done() -> None:
    """What is in flight inside its lease is its owner's."""
    async with gateway() as one:
        one.billing.hold()
        writing = asyncio.create_task(one.committer.commit(commit_command(patience=patient())))
        await one.billing.until_delivered(1)
        one.clock.advance(ms=terms("billing").lease_ms - 1)

        due = await one.reconciler.sweep()
        one.billing.release()
        await writing

        assert due == NOTHING


async def test_a_commit_past_its_lease_is_unknown_never_absent() -> None:
    """INTERRUPTED, held; its owner's late answer still resolves it."""
    async with gateway() as one:
        one.billing.hold()
        writing = asyncio.create_task(one.committer.commit(commit_command(patience=patient())))
        await one.billing.until_delivered(1)
        one.clock.advance(ms=terms("billing").lease_ms)

        due = await one.reconciler.sweep()
        interrupted = (await stored(one)).row
        one.billing.release()
        await writing

        assert due.interrupted == (interrupted.commit_id,)
        assert (interrupted.state, [note.reason for note in interrupted.notes]) == (State.UNKNOWN, [Reason.INTERRUPTED])
        assert [held.state for held in interrupted.holds] == [HoldState.OPEN]
        assert (await stored(one)).row.state is State.SUCCEEDED
        assert await one.entries() == [EntryKind.INTENT, EntryKind.OUTCOME, EntryKind.RESOLUTION]


async def test_a_lost_thought_is_stopped_and_charged_what_was_reserved() -> None:
    """LOST: nobody knows what was used. Whoever thought it finds it ended."""
    async with gateway() as one:
        one.thinker.hold()
        thinking = asyncio.create_task(one.decider.decide(decide_command(patience=patient())))
        await one.thinker.until_thinking()
        one.clock.advance(ms=30_000)

        due = await one.reconciler.sweep()
        found = await one.store.decision(due.lost[0])
        one.thinker.release()
        await thinking

        assert found is not None
        assert (found.state, found.stop, [held.settled for held in found.holds]) == (Thinking.STOPPED, DecideStop.LOST, [2_000])
        assert await one.store.decision(due.lost[0]) == found
        assert await one.entries() == [EntryKind.DECISION]


async def test_a_run_past_its_wall_clock_is_stopped_once() -> None:
    """By the sweeper, when no call comes to find it."""
    async with gateway(activation(wall_ms_max=5_000)) as one:
        await one.runs.record_step(step_command())
        one.clock.advance(ms=5_000)

        due = await one.reconciler.sweep()
        again = await one.reconciler.sweep()

        run = await one.store.run(RUN)
        assert run is not None
        assert (due.timed_out, again.timed_out, run.stop) == ((RUN,), (), RunStop.TIMEOUT)
        assert await one.entries() == [EntryKind.STEP_RECORDED, EntryKind.RUN_STOPPED]


async def test_a_fault_ends_one_sweep_not_the_reconciler() -> None:
    """The next one does what this one could not."""
    async with gateway(activation(wall_ms_max=5_000)) as one:
        await one.runs.record_step(step_command())
        one.clock.advance(ms=5_000)
        one.store.fails(TimeOutRun, StoreFault("busy"), StoreFault("busy"))

        sweeping = asyncio.create_task(one.reconciler.run())
        await one.store.until_written(TimeOutRun)
        still_sweeping = not sweeping.done()
        sweeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sweeping

        assert still_sweeping
        assert await one.entries() == [EntryKind.STEP_RECORDED, EntryKind.RUN_STOPPED]


async def test_a_store_that_is_gone_for_good_ends_the_reconciler() -> None:
    """Whoever watches it ends the gateway."""
    async with gateway(activation(wall_ms_max=5_000)) as one:
        await one.runs.record_step(step_command())
        one.clock.advance(ms=5_000)
        one.store.down = True

        await asyncio.wait_for(one.reconciler.run(), timeout=5.0)
