"""The story of Commit beside others: callers with the same key or decision, and a re-send that is faster."""

import asyncio

from gateway.domain.audit import EntryKind
from gateway.domain.faults import StoreFault
from gateway.domain.handoffs import Outcome
from gateway.domain.lifecycle import State
from gateway.domain.reasons import Reason
from gateway.domain.writes.commits import SettleCommit
from tests.fakes.clock import FakeClock
from tests.fakes.commands import PLAN, commit_command, decide_command, patient
from tests.fakes.gateway import gateway, terms


async def test_two_callers_with_one_key_send_once_and_hear_of_one_commit() -> None:
    """Whoever loses the race at T1 is told of the winner."""
    async with gateway() as one:
        one.billing.hold()
        callers = [asyncio.create_task(one.committer.commit(commit_command(patience=patient()))) for _ in range(8)]
        await one.billing.until_delivered(1)
        losers, _ = await asyncio.wait(callers, return_when=asyncio.FIRST_COMPLETED)
        one.billing.release()
        outcomes = [await caller for caller in callers]
        again = await one.commit(commit_command())

        assert losers
        assert {outcome.row.commit_id for outcome in outcomes if isinstance(outcome, Outcome)} == {again.row.commit_id}
        assert [outcome.replayed for outcome in outcomes if isinstance(outcome, Outcome)].count(False) == 1
        assert (len(one.billing.deliveries), again.row.state) == (1, State.SUCCEEDED)


async def test_two_writes_with_one_decision_consume_it_once() -> None:
    """Both were admitted over the same stale facts; the lock decides."""
    async with gateway() as one:
        decided = await one.decide(decide_command())
        first = commit_command(action="activate_plan", payload=PLAN, decision_id=decided.row.decision_id)
        second = commit_command("K-2", action="activate_plan", payload=PLAN, decision_id=decided.row.decision_id)

        outcomes = await asyncio.gather(one.commit(first), one.commit(second))

        assert sorted(outcome.row.state for outcome in outcomes) == [State.DENIED, State.SUCCEEDED]
        denied = next(outcome for outcome in outcomes if outcome.row.state is State.DENIED)
        assert denied.row.notes[0].facts == {"why": "used"}


async def test_an_answer_that_cannot_be_read_back_after_t2_is_told_as_not_recorded() -> None:
    """A re-send has ended it meanwhile. The caller gets no answer that others do not get; the record has one effect and one outcome."""
    clock = FakeClock()
    async with gateway(clock=clock) as one:

        async def somebody_sends_again() -> None:
            clock.advance(ms=terms("billing").lease_ms)
            await one.reconciler.sweep()  # UNKNOWN
            await one.reconciler.sweep()  # sent again, and answered
            one.store.reads_fail(StoreFault("busy"))

        one.store.before(SettleCommit, somebody_sends_again)

        outcome = await one.commit(commit_command())
        await one.keeper.drain(grace_s=5.0)

        assert (outcome.row.state, [note.reason for note in outcome.row.notes]) == (State.UNKNOWN, [Reason.OUTCOME_NOT_RECORDED])
        assert one.unrecorded == [outcome.row.commit_id]
        assert ((await one.commit(commit_command())).row.state, len(one.billing.deliveries)) == (State.SUCCEEDED, 2)
        assert (await one.entries()).count(EntryKind.OUTCOME) == 1
