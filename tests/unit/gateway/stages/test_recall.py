"""Recall: whether the key has answered already. A replay never looks at today's boundary."""

from dataclasses import replace

import pytest

from gateway.domain.commands import CommitCommand, DecideCommand
from gateway.domain.facts import Facts
from gateway.domain.handoffs import Decided, Outcome
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.reasons import DecideStop, Reason
from gateway.domain.refusal import Refusal
from gateway.domain.thinking import Earlier
from gateway.stages.recall import recall_commit, recall_decision, recall_earlier
from tests.fakes.activation import OTHER_TENANT
from tests.fakes.commands import CREDIT, PLAN, commit_command, decide_command
from tests.fakes.gateway import gateway
from tests.fakes.host import answered
from tests.fakes.policy import deny
from tests.fakes.thinker import Says


async def test_a_key_nobody_has_used_brings_the_facts() -> None:
    """One read: run, decision, budgets and gate, as they stand."""
    async with gateway() as one:
        decided = await one.decide(decide_command())

        found = await recall_commit(commit_command(action="activate_plan", payload=PLAN, decision_id=decided.row.decision_id), one.store)

        assert isinstance(found, Facts)
        assert (found.key, found.commit, found.decision) == (None, None, decided.row)
        assert found.run is not None
        assert found.run.steps == 1
        assert {row.node.ledger for row in found.nodes} == {"spend"}
        assert found.gate.activation is not None


async def test_the_same_request_again_is_its_stored_answer() -> None:
    """With the response, marked replayed; the expire time may differ."""
    async with gateway() as one:
        first = await one.commit(commit_command())

        again = await recall_commit(replace(commit_command(), expire_at_ms=1), one.store)

        assert again == replace(first, replayed=True)


@pytest.mark.parametrize(
    "other",
    [
        commit_command(payload={**CREDIT, "amount": 2}),
        commit_command(run_id="run-2"),
        commit_command(action="notify"),
        commit_command(step="select"),
        commit_command(decision_id="dec-9"),
        commit_command(payload=b'{"account":"team-12","slot":7,"amount":1000} '),
    ],
    ids=["amount", "run", "action", "step", "decision", "one space"],
)
async def test_other_content_under_the_same_key_is_refused(other: CommitCommand) -> None:
    """What defines the write is the fingerprint: bytes, not meaning."""
    async with gateway() as one:
        await one.commit(commit_command())

        found = await recall_commit(other, one.store)

        assert isinstance(found, Refusal)
        assert found.reason is Reason.IDEMPOTENCY_KEY_REUSED


@pytest.mark.parametrize("key", ["k-1", "K-1 ", "Ⅺ"])
async def test_keys_are_bytes(key: str) -> None:
    """Case, spaces and Unicode form matter."""
    async with gateway() as one:
        await one.commit(commit_command("K-1"))
        await one.commit(commit_command("XI"))

        assert isinstance(await recall_commit(commit_command(key), one.store), Facts)


async def test_a_key_belongs_to_its_tenant() -> None:
    """The same bytes in another tenant are another key."""
    async with gateway() as one:
        await one.commit(commit_command())

        assert isinstance(await recall_commit(commit_command(tenant=OTHER_TENANT), one.store), Facts)


async def test_a_commits_key_and_a_decisions_key_are_two() -> None:
    """Each service has its own keys."""
    async with gateway() as one:
        await one.commit(commit_command("SAME"))

        assert isinstance(await recall_decision(decide_command("SAME"), one.store), Facts)


async def test_superseding_what_failed_brings_the_facts() -> None:
    """With the row of the latest generation."""
    async with gateway() as one:
        one.billing.turns.append(answered(422, applied=False))
        failed = await one.commit(commit_command())

        found = await recall_commit(commit_command(supersedes=failed.row.commit_id, payload={**CREDIT, "amount": 2}), one.store)

        assert isinstance(found, Facts)
        assert found.commit is not None
        assert found.commit.state is State.FAILED


@pytest.mark.parametrize(
    ("supersedes", "run_id", "why"),
    [("nobody", "run-1", "names nothing of this key"), ("", "run-2", "run_id differ")],
)
async def test_superseding_what_cannot_be_superseded_is_refused(supersedes: str, run_id: str, why: str) -> None:
    """Another id, or another write under its name."""
    async with gateway() as one:
        one.policy.script = lambda _entrypoint, _input: deny("TOO_RISKY")
        denied = await one.commit(commit_command())

        found = await recall_commit(commit_command(supersedes=supersedes or denied.row.commit_id, run_id=run_id), one.store)

        assert isinstance(found, Refusal)
        assert found.reason is Reason.SUPERSEDES_NOT_CURRENT
        assert why in found.facts["why"]


async def test_superseding_what_succeeded_is_refused() -> None:
    """It was done; nothing follows it."""
    async with gateway() as one:
        done = await one.commit(commit_command())

        found = await recall_commit(commit_command(supersedes=done.row.commit_id), one.store)

        assert isinstance(found, Refusal)
        assert found.reason is Reason.SUPERSEDES_NOT_CURRENT


async def test_superseding_under_a_key_nobody_has_used_is_refused() -> None:
    """There is nothing to follow."""
    async with gateway() as one:
        found = await recall_commit(commit_command(supersedes="id-1"), one.store)

        assert isinstance(found, Refusal)
        assert found.reason is Reason.SUPERSEDES_NOT_CURRENT


async def test_the_same_question_again_is_the_stored_decision() -> None:
    """No second model call is even thought of."""
    async with gateway() as one:
        first = await one.decide(decide_command())

        again = await recall_decision(decide_command(), one.store)

        assert again == Decided(row=first.row, replayed=True)


@pytest.mark.parametrize(
    "other",
    [decide_command(context=b'{"team_size":13}'), decide_command(allowed_options=("basic",)), decide_command(run_id="run-2")],
    ids=["context", "options", "run"],
)
async def test_another_question_under_the_same_key_is_refused(other: DecideCommand) -> None:
    """Context, options and limits define it."""
    async with gateway() as one:
        await one.decide(decide_command())

        found = await recall_decision(other, one.store)

        assert isinstance(found, Refusal)
        assert found.reason is Reason.IDEMPOTENCY_KEY_REUSED


async def test_a_stopped_decision_may_be_superseded() -> None:
    """And the facts carry it."""
    async with gateway() as one:
        one.thinker.script.append(Says(option="free"))
        stopped = await one.decide(decide_command())

        found = await recall_decision(decide_command(supersedes=stopped.row.decision_id), one.store)

        assert isinstance(found, Facts)
        assert found.decided is not None
        assert found.decided.state is Thinking.STOPPED


async def test_a_replay_is_an_outcome_not_a_judgement() -> None:
    """A denial stays what it was, whatever policy says today."""
    async with gateway() as one:
        one.policy.script = lambda _entrypoint, _input: deny("TOO_RISKY")
        await one.commit(commit_command())

        again = await recall_commit(commit_command(), one.store)

        assert isinstance(again, Outcome)
        assert (again.row.state, again.replayed) == (State.DENIED, True)


async def test_what_was_decided_before_comes_from_the_record() -> None:
    """The latest decision of each named step in this run and no other, in the order of the names; stops and denials are none."""
    async with gateway() as one:
        one.thinker.script.extend([Says(option="basic"), Says(stop=DecideStop.ABSTAINED, option=""), Says(option="pro"), Says(option="enterprise")])
        await one.decide(decide_command("D-1"))
        await one.decide(decide_command("D-2"))
        latest = await one.decide(decide_command("D-3"))
        await one.decide(decide_command("D-4", run_id="run-2"))
        one.policy.script = lambda _entrypoint, _input: deny("TOO_RISKY")
        await one.decide(decide_command("D-5"))

        found = await recall_earlier(latest.row, ("triage", "select"), one.store)
        nothing = await recall_earlier(latest.row, (), one.store)

        assert found == (Earlier(step="select", option="pro", source="AGENT"),)
        assert nothing == ()
