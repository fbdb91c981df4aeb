"""The story of Commit up to T1: replays, refusals, denials, and faults that leave no trace."""

from dataclasses import replace

import pytest

from gateway.domain.audit import EntryKind
from gateway.domain.budget import Ledger, Window
from gateway.domain.commands import CommitCommand
from gateway.domain.faults import PolicyFault, StorageLow, StoreFault
from gateway.domain.halts import HaltScope
from gateway.domain.lifecycle import State
from gateway.domain.limits import VERDICT_AGE_MS_MAX
from gateway.domain.reasons import TABLE, Kind, Reason
from gateway.domain.rows import Rows, Wants, Write
from gateway.domain.writes.commits import AuthoriseCommit
from gateway.domain.writes.halts import ThrowHalt
from gateway.ports.policy import Document, Entrypoint, Erred, PolicyAnswer, Undefined
from gateway.ports.store import Withdrawn
from tests.fakes.activation import TENANT, activation, counted, usd
from tests.fakes.commands import CREDIT, PLAN, commit_command, decide_command
from tests.fakes.gateway import NEVER_S, FakeGateway, gateway
from tests.fakes.host import answered
from tests.fakes.policy import ALLOW, deny


async def test_a_write_that_everything_allows_is_done_once_and_recorded() -> None:
    """One question, one delivery of the approved bytes, one record."""
    async with gateway() as one:
        outcome = await one.commit(commit_command())

        assert (outcome.row.state, outcome.row.host_status, outcome.response) == (State.SUCCEEDED, 201, b'{"ok":true}')
        assert [sent.payload for sent in one.billing.deliveries] == [commit_command().payload]
        assert await one.entries() == [EntryKind.INTENT, EntryKind.OUTCOME]


async def test_a_replay_never_consults_the_boundary_of_today() -> None:
    """Nor policy, nor budgets, nor halts, nor the door: a retry of what succeeded succeeds after any edit."""
    async with gateway() as one:
        first = await one.commit(commit_command())
        emptied = activation(number=2, tenant_budgets=[usd(Ledger.VALUE, 0)])
        await one.activate(replace(emptied, boundary=replace(emptied.boundary, actions={}, workflows={}, tenants={})))
        one.policy.kill()
        one.door.close("stopping")
        await one.store.write(ThrowHalt(halt_id="h", scope=HaltScope(), reason="r", principal="p", salt=b""), hand_over_by_s=NEVER_S)

        again = await one.commit(commit_command())

        assert again == replace(first, replayed=True)
        assert (len(one.billing.deliveries), len(one.policy.questions)) == (1, 1)


NO_ANSWERS: dict[Reason, PolicyAnswer] = {
    Reason.POLICY_DENIED: deny("TOO_RISKY"),
    Reason.POLICY_UNDEFINED: Undefined(),
    Reason.POLICY_ERROR: Erred("eval_conflict_error"),
    Reason.POLICY_VERDICT_MALFORMED: Document({"allow": 1}),
}


@pytest.mark.parametrize("reason", NO_ANSWERS)
async def test_whatever_policy_says_but_yes_is_a_denial(reason: Reason) -> None:
    """Recorded with its reason, final for its key, and nothing is sent."""
    async with gateway() as one:
        one.policy.script = lambda _entrypoint, _input: NO_ANSWERS[reason]
        first = await one.commit(commit_command())
        one.policy.script = lambda _entrypoint, _input: ALLOW

        again = await one.commit(commit_command())

        assert [note.reason for note in first.row.notes] == [reason]
        assert again == replace(first, replayed=True)
        assert (first.row.state, one.billing.deliveries, await one.entries()) == (State.DENIED, [], [EntryKind.DENIAL])


async def denied_by_admit(one: FakeGateway, reason: Reason) -> CommitCommand:
    decided = await one.decide(decide_command())
    match reason:
        case Reason.COST_UNREADABLE:
            return commit_command(payload={**CREDIT, "amount": "1000"})
        case Reason.PAYLOAD_DRIFT:
            return commit_command(action="activate_plan", payload={**PLAN, "plan": "enterprise"}, decision_id=decided.row.decision_id)
        case _:
            return commit_command(action="activate_plan", payload=PLAN, decision_id="nobody-s")


@pytest.mark.parametrize("reason", [Reason.COST_UNREADABLE, Reason.PAYLOAD_DRIFT, Reason.DECISION_UNUSABLE])
async def test_a_denial_found_in_the_payload_is_recorded_without_asking_policy(reason: Reason) -> None:
    """It goes round judging to T1."""
    async with gateway() as one:
        command = await denied_by_admit(one, reason)
        asked = len(one.policy.questions)

        outcome = await one.commit(command)

        assert (outcome.row.state, [note.reason for note in outcome.row.notes]) == (State.DENIED, [reason])
        assert len(one.policy.questions) == asked
        assert (await one.commit(command)).replayed


async def test_a_budget_that_is_too_small_denies_and_says_by_how_much() -> None:
    """At every level or nothing: the other levels hold nothing either."""
    async with gateway(activation(tenant_budgets=[usd(Ledger.VALUE, 1_500)])) as one:
        await one.commit(commit_command("K-1"))

        short = await one.commit(commit_command("K-2"))

        facts = short.row.notes[0].facts
        assert [note.reason for note in short.row.notes] == [Reason.BUDGET_EXHAUSTED]
        assert [facts[name] for name in ("level", "node", "ledger", "currency", "asked", "left", "limit")] == [
            "tenant", TENANT, "value", "USD", "1000", "500", "1500",
        ]  # fmt: skip
        assert short.row.holds == ()


async def test_a_windowed_shortage_says_when_to_come_back() -> None:
    """The end of the window; superseding then succeeds."""
    async with gateway(activation(workflow_budgets=[counted(Ledger.WRITES, 1, Window.MINUTE)])) as one:
        await one.commit(commit_command("K-1"))
        short = await one.commit(commit_command("K-2"))
        wait_ms = short.row.notes[0].retry_after_ms
        one.clock.advance(ms=wait_ms)

        later = await one.commit(commit_command("K-2", supersedes=short.row.commit_id))

        assert 0 < wait_ms <= 60_000
        assert (later.row.state, later.row.generation) == (State.SUCCEEDED, 2)


async def test_a_halt_denies_and_a_superseding_retry_after_its_lifting_succeeds() -> None:
    """Stable keys do not die of a halt."""
    async with gateway() as one:
        thrown = ThrowHalt(halt_id="h-1", scope=HaltScope(action="top_up"), reason="incident", principal="ops", salt=b"")
        await one.store.write(thrown, hand_over_by_s=NEVER_S)
        halted = await one.commit(commit_command())
        await one.halts.lift("h-1", reason="over", caller=replace(commit_command().caller, tenant="*"), hand_over_by_s=NEVER_S)

        later = await one.commit(commit_command(supersedes=halted.row.commit_id))

        assert [(note.reason, note.facts["halt_id"]) for note in halted.row.notes] == [(Reason.HALTED, "h-1")]
        assert later.row.state is State.SUCCEEDED


async def test_a_refusal_leaves_the_key_free() -> None:
    """The mended request is another content under the same key."""
    async with gateway() as one:
        refusal = await one.refused(commit_command(payload=b"{"))

        mended = await one.commit(commit_command())

        assert TABLE[refusal.reason].kind is Kind.REFUSAL
        assert mended.row.state is State.SUCCEEDED


async def test_without_a_verdict_nothing_is_recorded_and_the_same_key_works_after() -> None:
    """A fault before T1 says: not forwarded, same key safe."""
    async with gateway() as one:
        one.policy.kill()
        with pytest.raises(PolicyFault):
            await one.commit(commit_command())
        before = (await one.store.commit_of_key(commit_command().key), await one.entries())
        one.policy.revive()

        outcome = await one.commit(commit_command())

        assert before == (None, [])
        assert outcome.row.state is State.SUCCEEDED


@pytest.mark.parametrize("fault", [StoreFault("disk"), StorageLow("little left"), Withdrawn("time was up")])
async def test_a_store_that_does_not_take_it_is_a_fault_and_the_same_key_works_after(fault: StoreFault) -> None:
    """Nothing left, nothing recorded; the place at the door is free again."""
    async with gateway(in_flight_max=2) as one:
        one.store.fails(AuthoriseCommit, fault, fault, fault)
        for _ in range(3):
            with pytest.raises(type(fault)):
                await one.commit(commit_command())

        outcome = await one.commit(commit_command())

        assert outcome.row.state is State.SUCCEEDED
        assert len(one.billing.deliveries) == 1


class RaiseMinimum(Write[None]):
    """An activation that withdraws every one before it."""

    def wants(self) -> Wants:
        return Wants()

    def apply(self, rows: Rows) -> None:
        assert rows.gate.activation is not None
        rows.put_activation(replace(rows.gate.activation, number=2), minimum_number=2)


async def test_an_activation_raised_meanwhile_is_judged_again_under_the_new_law() -> None:
    """A verdict below the store's minimum is worth nothing."""
    async with gateway() as one:

        async def raise_the_minimum() -> None:
            await one.store.write(RaiseMinimum(), hand_over_by_s=NEVER_S)
            one.activation = replace(one.activation, number=2)

        one.store.before(AuthoriseCommit, raise_the_minimum)

        outcome = await one.commit(commit_command())

        assert [question.activation_number for question in one.policy.questions] == [1, 2]
        assert (outcome.row.state, outcome.row.activation_number) == (State.SUCCEEDED, 2)


async def test_a_verdict_that_grew_old_in_the_queue_is_asked_again() -> None:
    """R11: younger than a second at T1."""
    async with gateway() as one:

        async def a_slow_queue() -> None:
            one.clock.advance(ms=VERDICT_AGE_MS_MAX + 1)

        one.store.before(AuthoriseCommit, a_slow_queue)

        outcome = await one.commit(commit_command())

        assert (outcome.row.state, len(one.policy.questions), len(one.billing.deliveries)) == (State.SUCCEEDED, 2, 1)


async def test_a_verdict_too_old_three_times_is_a_fault_and_leaves_no_trace() -> None:
    """Asked again twice at most."""

    def slow(_entrypoint: Entrypoint, _input: dict[str, object]) -> PolicyAnswer:
        one.clock.advance(ms=VERDICT_AGE_MS_MAX + 1)
        return ALLOW

    async with gateway(in_flight_max=2) as one:
        one.policy.script = slow
        with pytest.raises(PolicyFault):
            await one.commit(commit_command())

        assert len(one.policy.questions) == 3
        assert await one.store.commit_of_key(commit_command().key) is None
        one.policy.script = lambda _entrypoint, _input: ALLOW
        assert (await one.commit(commit_command())).row.state is State.SUCCEEDED


async def test_a_run_that_was_stopped_admits_nothing() -> None:
    """RUN_STOPPED, with the stop it had."""
    async with gateway(activation(stops_run=["POLICY_DENIAL"])) as one:
        one.policy.script = lambda _entrypoint, _input: deny("TOO_RISKY")
        await one.commit(commit_command("K-1"))
        one.policy.script = lambda _entrypoint, _input: ALLOW

        after = await one.commit(commit_command("K-2"))

        assert [(note.reason, note.facts) for note in after.row.notes] == [(Reason.RUN_STOPPED, {"stop": "POLICY_DENIAL"})]
        assert await one.entries() == [EntryKind.DENIAL, EntryKind.RUN_STOPPED, EntryKind.DENIAL]


async def test_a_refused_host_frees_the_key_for_a_corrected_write() -> None:
    """The story of `supersedes`: generation 2 under the same key, another payload."""
    async with gateway() as one:
        one.billing.turns.append(answered(422, applied=False))
        failed = await one.commit(commit_command())

        mended = commit_command(supersedes=failed.row.commit_id, payload={**CREDIT, "amount": 900})
        done = await one.commit(mended)
        again = await one.commit(mended)

        assert (done.row.state, done.row.generation, again) == (State.SUCCEEDED, 2, replace(done, replayed=True))
        assert len(one.billing.deliveries) == 2
