"""At the door: overload, denials faster than they are recorded, a gateway that stops. Refused, without a trace."""

import asyncio
from dataclasses import replace

from gateway.domain.audit import EntryKind
from gateway.domain.commands import DecideCommand
from gateway.domain.halts import HaltScope
from gateway.domain.handoffs import InProgress, Outcome
from gateway.domain.lifecycle import State
from gateway.domain.limits import DENIALS_PER_S_MAX
from gateway.domain.reasons import Reason
from gateway.domain.refusal import Refusal
from tests.fakes.activation import TENANT
from tests.fakes.commands import caller, commit_command, decide_command, patient
from tests.fakes.gateway import NEVER_S, FakeGateway, gateway
from tests.fakes.policy import deny


def told(answer: Outcome | InProgress | Refusal) -> str:
    assert not isinstance(answer, InProgress)
    return answer.reason if isinstance(answer, Refusal) else answer.row.state


async def refused_question(one: FakeGateway, command: DecideCommand) -> Refusal:
    found = await one.decider.decide(replace(command, patience=patient()))
    assert isinstance(found, Refusal)
    return found


async def test_more_in_flight_than_the_limit_is_refused_and_leaves_no_trace() -> None:
    """Half of the gateway's a tenant; the place is free when the work has ended."""
    async with gateway(in_flight_max=4) as one:
        one.billing.hold()
        waiting = [one.keeper.keep(one.committer.commit(commit_command(f"K-{n}", patience=patient())), name="caller") for n in (1, 2)]
        await one.billing.until_delivered(2)

        crowded = await one.refused(commit_command("K-3"))
        asked = len(one.policy.questions)
        other = one.keeper.keep(one.committer.commit(commit_command("K-3", tenant="zeta", patience=patient())), name="other")
        await one.billing.until_delivered(3)
        one.billing.release()
        for task in (*waiting, other):
            await task

        assert (crowded.reason, crowded.retry_after_ms > 0) == (Reason.OVERLOADED, True)
        assert asked == 2, "overload never reaches the policy engine"
        assert (await one.commit(commit_command("K-3"))).row.state is State.SUCCEEDED


async def test_denials_faster_than_they_are_recorded_are_refused() -> None:
    """Fifty a second a tenant; the next second admits again, and other tenants never notice."""
    async with gateway() as one:
        one.policy.script = lambda _entrypoint, _input: deny("TOO_RISKY")
        for number in range(DENIALS_PER_S_MAX):
            await one.commit(commit_command(f"K-{number}"))

        refusal = await one.refused(commit_command("one more"))
        elsewhere = await one.commit(commit_command("one more", tenant="zeta"))
        one.clock.advance(ms=1_000)
        later = await one.commit(commit_command("one more"))

        assert (refusal.reason, refusal.retry_after_ms > 0) == (Reason.TOO_MANY_DENIALS, True)
        assert (elsewhere.row.state, later.row.state) == (State.DENIED, State.DENIED)


async def test_denials_that_only_t1_finds_count_as_well() -> None:
    """However many are under way at once: fifty are recorded, the rest leave their keys free and hold nothing."""
    async with gateway(in_flight_max=1_000) as one:
        await one.halts.throw(HaltScope(tenant=TENANT), reason="incident", caller=caller("*"), hand_over_by_s=NEVER_S)

        answers = await asyncio.gather(*(one.committer.commit(commit_command(f"K-{n}", patience=patient())) for n in range(200)))
        one.clock.advance(ms=1_000)
        again = await asyncio.gather(*(one.committer.commit(commit_command(f"K-{n}", patience=patient())) for n in range(200)))

        assert [told(answer) for answer in answers] == ["DENIED"] * DENIALS_PER_S_MAX + [Reason.TOO_MANY_DENIALS] * (200 - DENIALS_PER_S_MAX)
        assert [told(answer) for answer in again] == ["DENIED"] * (2 * DENIALS_PER_S_MAX) + [Reason.TOO_MANY_DENIALS] * (200 - 2 * DENIALS_PER_S_MAX)
        assert (await one.entries()) == [EntryKind.DENIAL] * (2 * DENIALS_PER_S_MAX)


async def test_a_write_and_a_question_share_the_fifty_of_their_tenant() -> None:
    """Each costs a durable row, whichever door it came by."""
    async with gateway() as one:
        await one.halts.throw(HaltScope(tenant=TENANT), reason="incident", caller=caller("*"), hand_over_by_s=NEVER_S)
        for number in range(DENIALS_PER_S_MAX):
            await one.decide(decide_command(f"D-{number}"))

        refusal = await one.refused(commit_command())

        assert (refusal.reason, one.billing.deliveries) == (Reason.TOO_MANY_DENIALS, [])


async def test_a_gateway_that_stops_takes_nothing_new() -> None:
    """NOT_READY, the same key safe."""
    async with gateway() as one:
        one.door.close("the gateway is stopping")

        refusal = await one.refused(commit_command())

        assert (refusal.reason, one.billing.deliveries) == (Reason.NOT_READY, [])


async def test_denied_questions_faster_than_they_are_recorded_are_refused() -> None:
    """Each would cost a durable row."""
    async with gateway() as one:
        one.policy.script = lambda _entrypoint, _input: deny("TOO_RISKY")
        for number in range(DENIALS_PER_S_MAX):
            await one.decide(decide_command(f"D-{number}"))

        found = await refused_question(one, decide_command("one more"))

        assert found.reason is Reason.TOO_MANY_DENIALS


async def test_more_thinking_than_the_limit_is_refused() -> None:
    """The study has a door of its own: writes still pass."""
    async with gateway(in_flight_max=2) as one:
        one.thinker.hold()
        first = asyncio.create_task(one.decider.decide(decide_command("D-1", patience=patient())))
        await one.thinker.until_thinking()

        crowded = await refused_question(one, decide_command("D-2"))
        written = await one.commit(commit_command())
        one.thinker.release()
        await first

        assert (crowded.reason, written.replayed) == (Reason.OVERLOADED, False)
