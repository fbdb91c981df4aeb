"""The story of Commit from T1 on: nothing is an error any more, the record is complete, and the caller may have left."""

import asyncio

import pytest

from gateway.domain.audit import EntryKind
from gateway.domain.budget import HoldState
from gateway.domain.commands import CommitCommand
from gateway.domain.faults import StoreAmbiguous, StoreFault
from gateway.domain.handoffs import InProgress, Outcome
from gateway.domain.host_answer import Observation
from gateway.domain.lifecycle import State
from gateway.domain.reasons import Reason
from gateway.domain.writes.commits import AuthoriseCommit, SettleCommit
from gateway.ports.host import Delivery
from gateway.ports.store import StoredCommit
from tests.fakes.clock import FakeClock
from tests.fakes.commands import PLAN, commit_command, decide_command, hasty, patient
from tests.fakes.gateway import FakeGateway, gateway, terms
from tests.fakes.host import DID, NOT_REACHED, VANISHED, FakeHost, Turn, answered
from tests.fakes.store import MemoryStore


async def stored(one: FakeGateway, command: CommitCommand) -> StoredCommit:
    found = await one.store.commit_of_key(command.key)
    assert isinstance(found, StoredCommit)
    return found


async def decided_write(one: FakeGateway) -> CommitCommand:
    decided = await one.decide(decide_command())
    return commit_command(action="activate_plan", payload=PLAN, decision_id=decided.row.decision_id)


async def consumer(one: FakeGateway, command: CommitCommand) -> str:
    decision = await one.store.decision(command.decision_id)
    assert decision is not None
    return decision.consumed_by


@pytest.mark.parametrize(("turn", "reason"), [(VANISHED, Reason.HOST_SILENT), (answered(503, applied=False), Reason.HOST_AMBIGUOUS)])
async def test_an_unknown_keeps_the_hold_and_the_decision(turn: Turn, reason: Reason) -> None:
    """And the same key is its answer, not a second send."""
    async with gateway() as one:
        one.billing.turns.append(turn)
        command = await decided_write(one)

        outcome = await one.commit(command)
        again = await one.commit(command)

        assert (outcome.row.state, [note.reason for note in outcome.row.notes]) == (State.UNKNOWN, [reason])
        assert [held.state for held in outcome.row.holds] == [HoldState.OPEN]
        assert await consumer(one, command) == outcome.row.commit_id
        assert (again.row.state, again.replayed, len(one.billing.deliveries)) == (State.UNKNOWN, True, 1)


async def test_an_unknown_cannot_be_superseded() -> None:
    """It may have been written."""
    async with gateway() as one:
        one.billing.turns.append(VANISHED)
        unknown = await one.commit(commit_command())

        refusal = await one.refused(commit_command(supersedes=unknown.row.commit_id))

        assert refusal.reason is Reason.SUPERSEDES_NOT_CURRENT


@pytest.mark.parametrize(("turn", "reason"), [(NOT_REACHED, Reason.HOST_NOT_REACHED), (answered(422, applied=False), Reason.HOST_REFUSED)])
async def test_a_definite_no_gives_everything_back_and_may_be_superseded(turn: Turn, reason: Reason) -> None:
    """The hold, and the decision, which carries the next generation."""
    async with gateway() as one:
        one.billing.turns.append(turn)
        command = await decided_write(one)
        failed = await one.commit(command)
        given_back = await consumer(one, command)

        superseding = commit_command(action="activate_plan", payload=PLAN, decision_id=command.decision_id, supersedes=failed.row.commit_id)
        done = await one.commit(superseding)

        assert (failed.row.state, [note.reason for note in failed.row.notes], given_back) == (State.FAILED, [reason], "")
        assert [held.state for held in failed.row.holds] == [HoldState.RELEASED]
        assert (done.row.state, done.row.generation) == (State.SUCCEEDED, 2)
        assert await consumer(one, command) == done.row.commit_id


async def test_a_caller_that_leaves_after_t1_changes_nothing_about_the_record() -> None:
    """The keeper goes on; the same key finds the outcome."""
    async with gateway() as one:
        one.billing.hold()
        handler = asyncio.create_task(one.committer.commit(commit_command(patience=patient())))
        await one.billing.until_delivered(1)
        handler.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handler
        one.billing.release()
        await one.keeper.drain(grace_s=5.0)

        again = await one.commit(commit_command())

        assert (again.row.state, again.replayed, again.response) == (State.SUCCEEDED, True, b'{"ok":true}')
        assert await one.entries() == [EntryKind.INTENT, EntryKind.OUTCOME]
        assert len(one.billing.deliveries) == 1


async def test_a_caller_that_leaves_while_t1_is_being_written_changes_nothing_either() -> None:
    """Handed over is handed over."""
    async with gateway() as one:
        one.store.holds(AuthoriseCommit)
        handler = asyncio.create_task(one.committer.commit(commit_command(patience=patient())))
        await one.store.until_written(AuthoriseCommit)
        handler.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handler
        one.store.release()
        await one.keeper.drain(grace_s=5.0)

        assert (await stored(one, commit_command())).row.state is State.SUCCEEDED
        assert len(one.billing.deliveries) == 1


async def test_a_caller_that_leaves_before_t1_has_asked_for_nothing() -> None:
    """No trace, and the place at the door is free."""
    async with gateway(in_flight_max=2) as one:
        one.policy.stall()
        handler = asyncio.create_task(one.committer.commit(commit_command(patience=patient())))
        done, _ = await asyncio.wait({handler}, timeout=0.05)
        handler.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handler
        one.policy.flow()

        assert (done, len(one.policy.questions)) == (set(), 1)
        assert await one.store.commit_of_key(commit_command().key) is None
        assert (await one.commit(commit_command())).row.state is State.SUCCEEDED


@pytest.mark.parametrize("slow", [SettleCommit, AuthoriseCommit])
async def test_when_time_runs_out_after_the_hand_over_the_answer_is_in_progress(slow: type[SettleCommit] | type[AuthoriseCommit]) -> None:
    """The keeper goes on, and the commit ends under the id that was told."""
    async with gateway() as one:
        one.store.holds(slow)

        answered_in_time = await one.committer.commit(commit_command(patience=hasty()))
        one.store.release()
        await one.keeper.drain(grace_s=5.0)

        row = (await stored(one, commit_command())).row
        assert answered_in_time == InProgress(row.commit_id)
        assert (row.state, len(one.billing.deliveries)) == (State.SUCCEEDED, 1)


async def test_a_t2_that_does_not_succeed_at_once_is_told_as_not_recorded_and_recorded_later() -> None:
    """The effect is real: UNKNOWN now, SUCCEEDED once the store is back."""
    async with gateway() as one:
        one.store.fails(SettleCommit, StoreFault("busy"), StoreFault("busy"))

        outcome = await one.commit(commit_command())
        await one.keeper.drain(grace_s=5.0)

        assert (outcome.row.state, [note.reason for note in outcome.row.notes]) == (State.UNKNOWN, [Reason.OUTCOME_NOT_RECORDED])
        assert one.unrecorded == [outcome.row.commit_id]
        assert (await stored(one, commit_command())).row.state is State.SUCCEEDED
        assert await one.entries() == [EntryKind.INTENT, EntryKind.OUTCOME]
        assert len(one.billing.deliveries) == 1


async def test_a_store_that_is_gone_for_good_ends_the_keepers_tries() -> None:
    """The lease finds the row at the next start; nobody loops for ever."""
    async with gateway() as one:
        one.billing.hold()
        caller = asyncio.create_task(one.committer.commit(commit_command(patience=patient())))
        await one.billing.until_delivered(1)
        one.store.down = True
        one.billing.release()

        outcome = await caller
        left = await one.keeper.drain(grace_s=5.0)

        assert isinstance(outcome, Outcome)
        assert (outcome.row.state, outcome.row.notes[0].reason, left) == (State.UNKNOWN, Reason.OUTCOME_NOT_RECORDED, 0)
        assert (await stored(one, commit_command())).row.state is State.FORWARDING


async def test_a_t1_whose_reply_was_lost_is_never_sent_and_is_found_by_its_lease() -> None:
    """This process has given the attempt up; a host that dedupes gets it from the reconciler."""
    memory = MemoryStore(clock=(clock := FakeClock()))
    async with gateway(clock=clock, store=memory) as one:
        memory.lost_replies = 1
        with pytest.raises(StoreAmbiguous):
            await one.commit(commit_command())
        found = await one.commit(commit_command())
        clock.advance(ms=terms("billing").lease_ms)
        await one.reconciler.sweep()
        interrupted = (await stored(one, commit_command())).row

        assert (found.row.state, found.replayed, one.billing.deliveries) == (State.FORWARDING, True, [])
        assert (interrupted.state, interrupted.notes[0].reason) == (State.UNKNOWN, Reason.INTERRUPTED)
        await one.reconciler.sweep()
        assert ((await stored(one, commit_command())).row.state, len(one.billing.deliveries)) == (State.SUCCEEDED, 1)


async def test_a_write_whose_t1_took_too_long_is_not_sent() -> None:
    """R2: the boot-time limit was taken before T1 was handed over, and a wall clock that was set back does not extend it."""
    async with gateway() as one:

        async def a_slow_disk() -> None:
            one.clock.advance(ms=60_000)
            one.clock.set_wall(now_ms=one.clock.now_ms() - 60_000)

        one.store.before(AuthoriseCommit, a_slow_disk)

        outcome = await one.commit(commit_command())

        assert (outcome.row.state, outcome.row.notes[0].reason, one.billing.deliveries) == (State.FAILED, Reason.NOT_SENT_IN_TIME, [])


class Buggy(FakeHost):
    """Breaks our own code after the write has left."""

    async def apply(self, delivery: Delivery) -> Observation:
        await super().apply(delivery)
        raise LookupError("a bug of ours")


async def test_a_bug_after_t1_is_unknown_and_told() -> None:
    """Never an error towards the caller; the lease finds the row again."""
    clock = FakeClock()
    async with gateway(clock=clock, hosts={"billing": Buggy(clock)}, bugs=1) as one:
        outcome = await one.commit(commit_command())
        row = (await stored(one, commit_command())).row

        assert (outcome.row.state, outcome.row.notes[0].reason) == (State.UNKNOWN, Reason.OUTCOME_NOT_RECORDED)
        assert (row.state, [held.state for held in row.holds]) == (State.FORWARDING, [HoldState.OPEN])
        assert isinstance(one.bugs[0], LookupError)
        assert one.unrecorded == [row.commit_id]


async def test_a_drain_waits_for_what_is_in_flight_and_says_what_is_left() -> None:
    """Bounded by its grace."""
    async with gateway() as one:
        one.billing.hold()
        caller = asyncio.create_task(one.committer.commit(commit_command(patience=patient())))
        await one.billing.until_delivered(1)

        left = await one.keeper.drain(grace_s=0.01)
        one.billing.release()
        done = await one.keeper.drain(grace_s=5.0)

        assert (left > 0, done) == (True, 0)
        assert isinstance(await caller, Outcome)


async def test_a_host_that_is_reached_once_is_asked_with_the_downstream_key() -> None:
    """R7: from our commit id, not from the caller's key."""
    async with gateway() as one:
        one.billing.turns.append(DID)

        outcome = await one.commit(commit_command())

        assert [sent.key for sent in one.billing.deliveries] == [f"cs-{outcome.row.commit_id}"]
