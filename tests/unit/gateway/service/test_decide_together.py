"""Decide with several callers, and with callers that leave: one thinking, cut off when nobody waits or a halt covers it."""

import asyncio
from dataclasses import replace

import pytest

from gateway.domain.audit import EntryKind
from gateway.domain.halts import HaltScope
from gateway.domain.handoffs import Decided, InProgress
from gateway.domain.lifecycle import Thinking
from gateway.domain.reasons import DecideStop
from gateway.domain.records import DecisionRow
from gateway.domain.writes.decisions import AuthoriseThinking, ConcludeThinking
from gateway.domain.writes.halts import ThrowHalt
from gateway.ports.agent import Brief, Meter, Thought
from tests.fakes.activation import activation
from tests.fakes.commands import caller, decide_command, hasty, patient
from tests.fakes.gateway import NEVER_S, FakeGateway, gateway
from tests.fakes.thinker import FakeThinker, Says

IN_FLIGHT = Says(tokens_in=40, tokens_out=5, spend_micros=10, tokens_reserved=500, spend_reserved_micros=60)


def asking(one: FakeGateway, key: str = "D-1") -> "asyncio.Task[object]":
    return asyncio.create_task(one.decider.decide(decide_command(key, patience=patient())))


async def leaves(asked: "asyncio.Task[object]") -> None:
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def recorded(one: FakeGateway) -> DecisionRow:
    await one.keeper.drain(grace_s=5.0)
    found = await one.decide(decide_command())
    assert found.replayed
    return found.row


async def test_whoever_asks_while_it_thinks_joins_the_thought() -> None:
    """One model call, one decision, however many wait."""
    async with gateway() as one:
        one.thinker.hold()
        first = asking(one)
        await one.thinker.until_thinking()
        others = [asking(one) for _ in range(4)]
        await asyncio.wait(others, timeout=0.05)

        one.thinker.release()
        answers = [await asked for asked in (first, *others)]

        assert [answer.replayed for answer in answers if isinstance(answer, Decided)] == [False, True, True, True, True]
        assert len({answer.row.decision_id for answer in answers if isinstance(answer, Decided)}) == 1
        assert len(one.thinker.briefs) == 1


async def test_all_at_once_think_once() -> None:
    """Losers of the race at T1 join the winner."""
    async with gateway() as one:
        answers = await asyncio.gather(*(asking(one) for _ in range(5)))

        assert {answer.row.state for answer in answers if isinstance(answer, Decided)} == {Thinking.DECIDED}
        assert len({answer.row.decision_id for answer in answers if isinstance(answer, Decided)}) == 1
        assert len(one.thinker.briefs) == 1


async def test_a_caller_that_leaves_while_another_waits_changes_nothing() -> None:
    """The thought belongs to whoever still waits."""
    async with gateway() as one:
        one.thinker.hold()
        first = asking(one)
        await one.thinker.until_thinking()
        second = asking(one)
        await asyncio.wait({second}, timeout=0.05)
        await leaves(first)

        one.thinker.release()
        answer = await second

        assert isinstance(answer, Decided)
        assert answer.row.state is Thinking.DECIDED


async def test_when_the_last_caller_leaves_thinking_stops_and_is_charged() -> None:
    """CANCELLED: what was used, and the call in flight as it was reserved."""
    async with gateway(activation(fallback="basic"), thinker=FakeThinker(IN_FLIGHT)) as one:
        one.thinker.hold()
        asked = asking(one)
        await one.thinker.until_thinking()

        await leaves(asked)
        row = await recorded(one)

        assert (row.state, row.option, row.stop) == (Thinking.STOPPED, "", DecideStop.CANCELLED)
        assert (row.usage.tokens_in, row.usage.tokens_out, row.usage.spend_micros) == (540, 5, 70)
        assert row.holds[0].settled == 70
        assert await one.entries() == [EntryKind.DECISION]


async def test_a_caller_whose_time_runs_out_has_left() -> None:
    """The thinker was told the deadline; one that overruns it is cut off."""

    class Deaf(FakeThinker):
        async def think(self, brief: Brief, meter: Meter) -> Thought:
            await asyncio.Event().wait()
            raise AssertionError("never")

    async with gateway(thinker=Deaf()) as one:
        answer = await one.decider.decide(decide_command(patience=hasty()))
        row = await recorded(one)

        assert answer == InProgress(row.decision_id)
        assert row.stop is DecideStop.CANCELLED


async def test_a_thought_that_ends_by_its_deadline_is_told_in_time() -> None:
    """TIMEOUT is an answer, not silence."""
    async with gateway() as one:
        one.thinker.hold()
        asked = decide_command(patience=patient())

        answer = await one.decider.decide(replace(asked, deadline_s=asyncio.get_running_loop().time() + 0.05))

        assert isinstance(answer, Decided)
        assert (answer.row.state, answer.row.stop) == (Thinking.STOPPED, DecideStop.TIMEOUT)


async def test_a_caller_that_leaves_during_t1_is_recorded_and_nobody_thinks() -> None:
    """Nothing was used, nothing is charged; the step was taken."""
    async with gateway() as one:
        one.store.holds(AuthoriseThinking)
        asked = asking(one)
        await one.store.until_written(AuthoriseThinking)
        await leaves(asked)
        one.store.release()

        row = await recorded(one)

        assert (row.stop, row.usage.spend_micros, [held.settled for held in row.holds]) == (DecideStop.CANCELLED, 0, [0])
        assert one.thinker.briefs == []


async def test_a_caller_that_leaves_during_t2_has_its_decision() -> None:
    """It was made; the same key brings it."""
    async with gateway() as one:
        one.store.holds(ConcludeThinking)
        asked = asking(one)
        await one.store.until_written(ConcludeThinking)
        await leaves(asked)
        one.store.release()

        assert (await recorded(one)).state is Thinking.DECIDED


async def halted(one: FakeGateway, scope: HaltScope) -> int:
    thrown = await one.halts.throw(scope, reason="incident", caller=caller("*", name="ops"), hand_over_by_s=NEVER_S)
    return len(thrown.thinking)


@pytest.mark.parametrize(
    "scope", [HaltScope(), HaltScope(step="select"), HaltScope(model="small"), HaltScope(tenant="acme", workflow="subscribe", run_id="run-1")]
)
async def test_a_halt_cuts_thinking_off_and_is_charged(scope: HaltScope) -> None:
    """HALTED, whatever the fallback; the callers hear of it at once."""
    async with gateway(activation(fallback="basic"), thinker=FakeThinker(IN_FLIGHT)) as one:
        one.thinker.hold()
        asked = asking(one)
        await one.thinker.until_thinking()

        thinking = await halted(one, scope)
        answer = await asked

        assert thinking == 1
        assert isinstance(answer, Decided)
        assert (answer.row.state, answer.row.option, answer.row.stop) == (Thinking.STOPPED, "", DecideStop.HALTED)
        assert answer.row.usage.spend_micros == 70


async def test_the_first_reason_to_stop_stays() -> None:
    """A caller that leaves a halted thought did not cancel it."""
    async with gateway() as one:
        one.thinker.hold()
        asked = asking(one)
        await one.thinker.until_thinking()
        thought = next(iter(one.decider.under_way.values()))

        stopped = one.decider.stop_thinking((*one.decider.under_way, "nobody-s"), DecideStop.HALTED)
        thought.cut_off(DecideStop.CANCELLED)
        answer = await asked

        assert isinstance(answer, Decided)
        assert (stopped, answer.row.stop) == (1, DecideStop.HALTED)


async def test_a_halt_elsewhere_lets_it_think() -> None:
    """Another model, another tenant, an action."""
    async with gateway() as one:
        one.thinker.hold()
        asked = asking(one)
        await one.thinker.until_thinking()
        inventories = [await halted(one, scope) for scope in (HaltScope(model="large"), HaltScope(tenant="zeta"), HaltScope(action="activate_plan"))]

        one.thinker.release()
        answer = await asked

        assert inventories == [0, 0, 0]
        assert isinstance(answer, Decided)
        assert answer.row.state is Thinking.DECIDED


async def test_a_halt_whose_caller_leaves_still_cuts_thinking_off() -> None:
    """Thrown is thrown."""
    async with gateway(thinker=FakeThinker(IN_FLIGHT)) as one:
        one.thinker.hold()
        asked = asking(one)
        await one.thinker.until_thinking()
        one.store.holds(ThrowHalt)
        throwing = asyncio.create_task(halted(one, HaltScope()))
        await one.store.until_written(ThrowHalt)
        throwing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await throwing
        one.store.release()

        answer = await asyncio.wait_for(asked, timeout=5.0)

        assert isinstance(answer, Decided)
        assert answer.row.stop is DecideStop.HALTED


async def test_a_decision_of_another_process_is_in_progress() -> None:
    """Nobody here can wait for it; its lease finds it."""
    async with gateway(thinker=FakeThinker(IN_FLIGHT)) as one:
        one.thinker.hold()
        asked = asking(one)
        await one.thinker.until_thinking()
        elsewhere = one.decider.under_way.copy()
        one.decider.under_way.clear()

        answer = await one.decide(decide_command())
        one.decider.under_way.update(elsewhere)
        one.thinker.release()
        await asked

        assert (answer.row.state, answer.replayed) == (Thinking.THINKING, True)


async def test_a_bug_while_thinking_is_told_and_its_lease_charges_the_reservation() -> None:
    """The decision is THINKING until then, and nothing can use it."""

    class Buggy(FakeThinker):
        async def think(self, brief: Brief, meter: Meter) -> Thought:
            raise LookupError("a bug of ours")

    async with gateway(thinker=Buggy(), bugs=1) as one:
        with pytest.raises(LookupError):
            await asking(one)
        one.clock.advance(ms=60_000)
        await one.reconciler.sweep()

        row = await recorded(one)
        assert (row.state, row.stop, row.holds[0].settled) == (Thinking.STOPPED, DecideStop.LOST, 2_000)
