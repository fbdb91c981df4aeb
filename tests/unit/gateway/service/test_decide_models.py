"""Decide and its models: seats, earlier decisions, calls and agreement in the record, transcripts kept apart."""

import asyncio
import json
from dataclasses import replace

import pytest

from gateway.domain.audit import Entry, EntryKind, text_digest
from gateway.domain.boundary import Activation, Step
from gateway.domain.commands import DecideCommand
from gateway.domain.faults import StoreFault
from gateway.domain.halts import HaltScope
from gateway.domain.handoffs import Decided
from gateway.domain.identity import Caller, Role
from gateway.domain.lifecycle import Thinking
from gateway.domain.reasons import DecideStop, Reason
from gateway.domain.records import RunName
from gateway.domain.refusal import Refusal
from gateway.domain.thinking import Agreement, CallOutcome, Earlier, ModelCall, calls_json
from tests.fakes.activation import TENANT, WORKFLOW, activation
from tests.fakes.clock import FakeClock
from tests.fakes.commands import decide_command, patient
from tests.fakes.gateway import NEVER_S, FakeGateway, gateway
from tests.fakes.policy import deny
from tests.fakes.store import MemoryStore
from tests.fakes.thinker import Says

CALLS = (
    ModelCall(
        ballot=1, model="small", outcome=CallOutcome.FAULTED, option="", position=0, detail="it answered HTTP 500", tokens_in=70, tokens_out=5,
        spend_micros=20, wall_ms=3,
    ),
    ModelCall(
        ballot=1, model="large", outcome=CallOutcome.DECIDED, option="pro", position=2, detail="", tokens_in=30, tokens_out=5, spend_micros=10, wall_ms=2
    ),
)  # fmt: skip


def with_step(law: Activation, name: str, step: Step) -> Activation:
    workflow = law.boundary.workflows[WORKFLOW]
    steps = {**workflow.steps, name: replace(step, name=name)}
    return replace(law, boundary=replace(law.boundary, workflows={WORKFLOW: replace(workflow, steps=steps)}))


def step_of(law: Activation) -> Step:
    return law.boundary.workflows[WORKFLOW].steps["select"]


def asked(command: DecideCommand) -> DecideCommand:
    patience = patient()
    return replace(command, patience=patience, deadline_s=patience.hand_over_by_s)


class Kept:
    """Implements `ports.transcripts.Transcripts`."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}

    async def keep(self, decision_id: str, document: bytes) -> None:
        self.documents[decision_id] = document


class Mute(MemoryStore):
    """It cannot say what is in the record."""

    async def entries(self, run: RunName, *, after: int, limit: int) -> list[tuple[int, Entry]]:
        raise StoreFault("disk")


async def test_without_a_seat_nothing_is_recorded() -> None:
    """OVERLOADED at the door, the key still free; the seat of one that has ended is free again."""
    async with gateway() as one:
        one.thinker.seats_max = 1
        one.thinker.hold()
        first = asyncio.create_task(one.decide(decide_command("D-1")))
        await one.thinker.until_thinking()

        refused = await one.decider.decide(asked(decide_command("D-2")))
        one.thinker.release()
        await first
        second = await one.decide(decide_command("D-2"))

        assert isinstance(refused, Refusal)
        assert (refused.reason, refused.retry_after_ms) == (Reason.OVERLOADED, 1_000)
        assert second.row.state is Thinking.DECIDED


async def test_a_denial_needs_no_seat() -> None:
    """It asks no model, and is recorded."""
    async with gateway() as one:
        one.thinker.seats_max = 0
        one.policy.script = lambda _entrypoint, _input: deny("TOO_RISKY")

        denied = await one.decide(decide_command())

        assert denied.row.stop is DecideStop.POLICY_DENIAL


async def test_calls_and_agreement_are_in_the_row_and_their_digest_in_the_leaf() -> None:
    """What was asked of whom is part of the record."""
    async with gateway() as one:
        agreement = Agreement(votes=3, agreeing=2, abstained=1, agreement_min=2)
        one.thinker.script.append(Says(option="pro", calls=CALLS, agreement=agreement))

        row = (await one.decide(decide_command())).row
        entry = (await one.store.entries(RunName(TENANT, WORKFLOW, "run-1"), after=0, limit=9))[0][1]

        leaf = json.loads(entry.leaf)
        assert (row.usage.calls, row.usage.agreement) == (CALLS, agreement)
        assert leaf["agreement"] == {"votes": 3, "agreeing": 2, "abstained": 1, "agreement_min": 2}
        assert leaf["calls_digest"] == text_digest(row.salt, calls_json(CALLS))
        assert b"HTTP 500" not in entry.leaf


async def test_a_step_is_told_what_was_decided_before_where_it_names_it() -> None:
    """By name; another run's decisions are nobody's business."""
    law = activation()
    law = with_step(law, "again", replace(step_of(law), earlier=("select",)))
    async with gateway(law) as one:
        one.thinker.script.extend([Says(option="pro"), Says(option="basic")])
        await one.decide(decide_command("D-1"))
        await one.decide(decide_command("D-2", run_id="run-2"))

        await one.decide(decide_command("D-3", step="again"))

        assert [brief.earlier for brief in one.thinker.briefs] == [(), (), (Earlier(step="select", option="pro", source="AGENT"),)]


async def test_a_store_that_cannot_say_what_was_decided_before_ends_the_thinking() -> None:
    """After T1 nothing is an error: a stop, recorded, and no model was asked."""
    law = activation()
    law = with_step(law, "again", replace(step_of(law), earlier=("select",)))
    clock = FakeClock()
    async with gateway(law, store=Mute(clock=clock), clock=clock) as one:
        row = (await one.decide(decide_command(step="again"))).row

        assert (row.state, row.stop, one.thinker.briefs) == (Thinking.STOPPED, DecideStop.MODEL_FAULT, [])
        assert row.rationale == "what was decided before in this run could not be read: disk"


@pytest.mark.parametrize("kept", [True, False])
async def test_a_transcript_is_kept_only_where_the_step_asks(*, kept: bool) -> None:
    """Redacted, apart; the ledger has the digest either way."""
    law = activation()
    law = with_step(law, "select", replace(step_of(law), transcript_kept=kept, redact=("/team_size",)))
    async with gateway(law) as one:
        transcripts = Kept()
        one.decider = replace(one.decider, transcripts=transcripts)
        one.thinker.script.append(Says(words=(("asked", b"team of 12, mail ada@example.com"),)))

        row = (await one.decide(decide_command())).row
        await one.keeper.drain(grace_s=5.0)

        texts = [part["text"] for document in transcripts.documents.values() for part in json.loads(document)["parts"]]
        assert texts == (["team of [hidden], mail [hidden]"] if kept else [])
        assert list(transcripts.documents) == ([row.decision_id] if kept else [])
        assert row.transcript_sha256 == bytes(32)


async def test_a_halt_on_a_model_cuts_off_who_could_ask_it_and_leaves_the_others() -> None:
    """What thinks with it stops; the step goes on with the model that is left; with none left it is denied."""
    operator = Caller(name="on-call", tenant="*", role=Role.OPERATOR)
    async with gateway(activation(models=("small", "large"))) as one:
        one.thinker.hold()
        first = asyncio.create_task(one.decide(decide_command("D-1")))
        await one.thinker.until_thinking()
        await one.halts.throw(HaltScope(model="small"), reason="wrong", caller=operator, hand_over_by_s=NEVER_S)
        stopped = (await first).row
        one.thinker.release()

        after = (await one.decide(decide_command("D-1", supersedes=stopped.decision_id))).row
        await one.halts.throw(HaltScope(model="large"), reason="wrong too", caller=operator, hand_over_by_s=NEVER_S)
        denied = (await one.decide(decide_command("D-2"))).row

        assert (stopped.stop, after.state, denied.stop) == (DecideStop.HALTED, Thinking.DECIDED, DecideStop.HALTED)
        assert [brief.models for brief in one.thinker.briefs] == [("small", "large"), ("large",)]
        assert await entries_of_decisions(one) == 3


async def entries_of_decisions(one: FakeGateway) -> int:
    return (await one.entries()).count(EntryKind.DECISION)


async def test_a_limit_of_the_step_is_a_reason_with_facts() -> None:
    """To branch on: which ledger, how much was left."""
    async with gateway() as one:
        one.thinker.script.append(Says(stop=DecideStop.BUDGET_LIMIT, option="", facts={"ledger": "tokens", "asked": "900", "left": "10", "limit": "4000"}))

        decided = await one.decide(decide_command())

        assert isinstance(decided, Decided)
        assert [(note.reason, note.facts["ledger"], note.facts["left"]) for note in decided.row.notes] == [(Reason.BUDGET_EXHAUSTED, "tokens", "10")]
