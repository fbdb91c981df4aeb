"""The whole of Decide over a real store, a real agent and model servers that are wrong, greedy, slow or broken.

1. Each case ends inside every limit, with its stop; the usage in the row, the ledger and the record's leaf are the same numbers.
2. Nothing stays held, nothing is asked twice, and the run goes on where its boundary lets it.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from gateway.adapters.agent_runner import AgentRunner, ModelSpec, Price
from gateway.adapters.store.sqlite import SqliteStore
from gateway.domain.boundary import Activation, StepLimits
from gateway.domain.budget import HoldState, Ledger
from gateway.domain.commands import DecideCommand
from gateway.domain.handoffs import Decided
from gateway.domain.lifecycle import Thinking
from gateway.domain.reasons import DecideStop, Reason
from gateway.domain.records import DecisionRow, RunName
from gateway.domain.refusal import Refusal
from gateway.domain.thinking import CallOutcome
from gateway.service.decide import Decider
from tests.fakes.activation import TENANT, WORKFLOW, activation, counted, usd
from tests.fakes.clock import FakeClock
from tests.fakes.commands import decide_command, patient
from tests.fakes.gateway import FakeGateway, gateway
from tests.fakes.ids import CountingIds
from tests.fakes.model_server import (
    Behaviour,
    ModelServer,
    answers,
    body,
    calls,
    calls_natively,
    content,
    decides,
    drips,
    floods,
    keeps_silent,
    resets,
    status,
    stops_halfway,
)
from tests.fakes.thinking import model_spec, tool_spec
from tests.fakes.tool_host import ToolHost

PRICE: Final = Price(micros_per_million_in=1_000_000, micros_per_million_out=1_000_000, as_of="2026-11-01")  # a micro a token
LIMITS: Final = StepLimits(steps_max=3, tool_calls_max=2, tokens_max=8_000, spend_micros_max=8_000, spend_currency="USD", wall_ms_max=5_000)
BUDGETS: Final = (counted(Ledger.TOKENS, 1_000_000), usd(Ledger.SPEND, 1_000_000))
PAGES: Final = {"/plans": b'{"plans": []}', "/seats": b'{"seats": 12}'}
GREEDY: Final = {"prompt_tokens": 50_000, "completion_tokens": 9_000, "total_tokens": 59_000}
LOW: Final = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
MODEST: Final = LIMITS.tokens_max


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A gateway with a real store and a real agent."""

    one: FakeGateway
    decider: Decider
    server: ModelServer
    host: ToolHost

    async def decide(self, key: str = "D-1", *, supersedes: str = "") -> DecisionRow:
        answered = await self.decider.decide(asked(decide_command(key, supersedes=supersedes)))
        assert isinstance(answered, Decided), answered
        return answered.row


def asked(command: DecideCommand) -> DecideCommand:
    patience = patient(30.0)
    return replace(command, patience=patience, deadline_s=patience.hand_over_by_s)


@asynccontextmanager
async def stage(
    folder: Path, *behaviours: Behaviour, law: Activation | None = None, limits: StepLimits = LIMITS, concurrency_max: int = 4, queue_max: int = 64,
    backup: ModelServer | None = None,
) -> AsyncIterator[Stage]:  # fmt: skip
    clock, models = FakeClock(), ("small", "backup") if backup else ("small",)
    law = law or activation(limits=limits, models=models, run_budgets=BUDGETS)
    store = await SqliteStore.open(folder / "store.db", ids=CountingIds(), clock=clock, reserve_bytes=0)
    async with ModelServer(*behaviours) as server, ToolHost(PAGES) as host:
        spec = replace(model_spec(server.base_url, name="small", price=PRICE), concurrency_max=concurrency_max, queue_max=queue_max)
        specs: dict[str, ModelSpec] = {"small": spec}
        if backup is not None:
            specs["backup"] = model_spec(backup.base_url, name="backup", price=PRICE)
        reads = {"list_plans": tool_spec("list_plans", f"{host.origin}/plans"), "seat_usage": tool_spec("seat_usage", f"{host.origin}/seats")}
        runner = AgentRunner(specs, reads)
        async with gateway(law, store=store, clock=clock) as one:
            yield Stage(one=one, decider=replace(one.decider, thinker=runner), server=server, host=host)
        await runner.close()
    await store.close()


async def assert_settled(on: Stage, row: DecisionRow, *, asked_times: int) -> None:
    """Row, ledger and leaf say the same; nothing is held; no question was sent that is not a counted call."""
    usage = row.usage
    used = {Ledger.TOKENS: usage.tokens_in + usage.tokens_out, Ledger.SPEND: usage.spend_micros}
    assert all((held.state, held.settled) == (HoldState.SETTLED, used[held.node.ledger]) for held in row.holds)
    assert {held.node.ledger for held in row.holds} == {Ledger.TOKENS, Ledger.SPEND}
    assert [node.held for node in (await on.one.store.books()).nodes] == [0] * len((await on.one.store.books()).nodes)
    assert (usage.steps, len(usage.calls), len(on.server.asked)) == (asked_times, asked_times, asked_times)
    assert (sum(call.tokens_in for call in usage.calls), sum(call.tokens_out for call in usage.calls)) == (usage.tokens_in, usage.tokens_out)
    assert sum(call.spend_micros for call in usage.calls) == usage.spend_micros == used[Ledger.TOKENS]
    entry = (await on.one.store.entries(RunName(TENANT, WORKFLOW, row.run_id), after=0, limit=9))[-1][1]
    leaf = json.loads(entry.leaf)
    assert (leaf["stop"], leaf.get("tokens_in", 0), leaf.get("tokens_out", 0), leaf.get("steps", 0)) == (
        row.stop, usage.tokens_in, usage.tokens_out, usage.steps,
    )  # fmt: skip
    assert (leaf["transcript_digest"], leaf["agent_version"]) == (row.transcript_sha256.hex(), row.agent_version)
    assert len(row.transcript_sha256) == 32


def case(name: str, behaviour: Behaviour, stop: DecideStop, steps: int, *outcomes: CallOutcome) -> object:
    return pytest.param(behaviour, stop, steps, outcomes, id=name)


@pytest.mark.parametrize(
    ("behaviour", "stop", "steps", "outcomes"),
    [
        case("a wrong option", decides("platinum"), DecideStop.INVALID_OPTION, 1, CallOutcome.DECIDED),
        case("another case", decides("PRO"), DecideStop.INVALID_OPTION, 1, CallOutcome.DECIDED),
        case("a homoglyph", decides("pr\u043e"), DecideStop.INVALID_OPTION, 1, CallOutcome.DECIDED),
        case("a full-width twin", decides("\uff50\uff52\uff4f"), DecideStop.INVALID_OPTION, 1, CallOutcome.DECIDED),
        case("the wrong shape", answers([{"action": "decide", "option": "pro"}]), DecideStop.MAX_STEPS, 3, *[CallOutcome.MALFORMED] * 3),
        case("two answers in one", content('{"action":"decide","option":"pro"}{"action":"abstain"}'), DecideStop.MAX_STEPS, 3, *[CallOutcome.MALFORMED] * 3),
        case("endless tool calls", calls("seat_usage"), DecideStop.MAX_STEPS, 3, CallOutcome.TOOL_CALLED, CallOutcome.TOOL_CALLED, CallOutcome.MALFORMED),
        case("fifty tool calls at once", calls_natively("seat_usage", 50), DecideStop.MAX_STEPS, 3, *[CallOutcome.MALFORMED] * 3),
        case("cut off by length", content('{"action":"dec', finish="length"), DecideStop.MAX_STEPS, 3, *[CallOutcome.TRUNCATED] * 3),
        case("a refusal", content(None, refusal="no"), DecideStop.ABSTAINED, 1, CallOutcome.REFUSED),
        case("10 MB", floods(10_000_000), DecideStop.MODEL_FAULT, 1, CallOutcome.FAULTED),
        case("10 MB of error", floods(10_000_000, code=500), DecideStop.MODEL_FAULT, 1, CallOutcome.FAULTED),
        case("429, wait 120 s", status(429, headers={"Retry-After": "120"}), DecideStop.MODEL_FAULT, 1, CallOutcome.FAULTED),
        case("500", status(500), DecideStop.MODEL_FAULT, 1, CallOutcome.FAULTED),
        case("503", status(503), DecideStop.MODEL_FAULT, 1, CallOutcome.FAULTED),
        case("half a body", stops_halfway("pro"), DecideStop.MODEL_FAULT, 1, CallOutcome.FAULTED),
        case("a reset", resets(), DecideStop.MODEL_FAULT, 1, CallOutcome.FAULTED),
        case("no envelope", body(b"[]"), DecideStop.MODEL_FAULT, 1, CallOutcome.FAULTED),
    ],
)
async def test_a_hostile_server_ends_inside_every_limit(
    tmp_path: Path, behaviour: Behaviour, stop: DecideStop, steps: int, outcomes: tuple[CallOutcome, ...]
) -> None:
    """With its stop, its usage and its record; the next decision of the run is asked as if nothing had been."""
    began_s = time.monotonic()
    async with stage(tmp_path, *[behaviour] * steps, decides("pro")) as on:
        row = await on.decide()
        took_s = time.monotonic() - began_s
        await assert_settled(on, row, asked_times=steps)
        after = await on.decide("D-1", supersedes=row.decision_id)

        state = Thinking.ABSTAINED if stop is DecideStop.ABSTAINED else Thinking.STOPPED
        assert (row.state, row.stop, row.option, row.source) == (state, stop, "", "")
        assert tuple(call.outcome for call in row.usage.calls) == outcomes
        assert all(call.option == "" for call in row.usage.calls)
        assert (row.usage.steps, row.usage.tool_calls <= LIMITS.tool_calls_max) == (steps, True)
        assert row.usage.tokens_in + row.usage.tokens_out <= MODEST
        assert row.usage.wall_ms <= LIMITS.wall_ms_max
        assert took_s < LIMITS.wall_ms_max / 1000
        assert (after.state, after.option, after.generation) == (Thinking.DECIDED, "pro", 2)


@pytest.mark.parametrize("behaviour", [drips(), keeps_silent()], ids=["a slow drip", "silence"])
async def test_a_slow_server_ends_at_the_wall_clock(tmp_path: Path, behaviour: Behaviour) -> None:
    """What was in flight is charged as reserved."""
    async with stage(tmp_path, behaviour, limits=replace(LIMITS, wall_ms_max=700)) as on:
        row = await on.decide()

        await assert_settled(on, row, asked_times=1)
        assert (row.stop, row.usage.calls[0].outcome) == (DecideStop.TIMEOUT, CallOutcome.FAULTED)
        assert 700 <= row.usage.wall_ms < 3_000
        assert row.usage.tokens_out == 400


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [(None, None), ({}, None), ("many", None), ({"prompt_tokens": True, "completion_tokens": 2.5}, None), (LOW, 2), (GREEDY, 59_000)],
    ids=["none", "empty", "a word", "no integers", "low", "high"],
)
async def test_usage_is_charged_as_told_or_as_reserved(tmp_path: Path, usage: Mapping[str, int] | str | None, tokens: int | None) -> None:
    """Missing or impossible is what was reserved; high is recorded beyond the limit; low is believed, and the steps stay counted."""
    async with stage(tmp_path, decides("pro", usage=usage)) as on:
        row = await on.decide()

        await assert_settled(on, row, asked_times=1)
        assert (row.state, row.option) == (Thinking.DECIDED, "pro")
        used = row.usage.tokens_in + row.usage.tokens_out
        assert used == tokens if tokens is not None else 900 < used <= MODEST


async def test_usage_beyond_the_limit_ends_the_thinking_and_says_which_limit(tmp_path: Path) -> None:
    """Nothing more is asked, the overage stands in the ledger, and the reason has the numbers."""
    async with stage(tmp_path, content("{}", usage=GREEDY), decides("pro")) as on:
        row = await on.decide()

        await assert_settled(on, row, asked_times=1)
        assert (row.stop, [note.reason for note in row.notes]) == (DecideStop.BUDGET_LIMIT, [Reason.BUDGET_EXHAUSTED])
        assert (row.notes[0].facts["ledger"], row.notes[0].facts["limit"], row.notes[0].facts["left"]) == ("tokens", "8000", "0")


async def test_decisions_beyond_the_seats_are_refused_and_the_others_end(tmp_path: Path) -> None:
    """Ten at once before a model with one turn and one place to wait: two think, eight are told to come again; nothing of theirs is recorded."""
    async with stage(tmp_path, decides("pro"), concurrency_max=1, queue_max=1) as on:
        commands = [asked(decide_command(f"D-{number}")) for number in range(10)]
        answered = await asyncio.gather(*(on.decider.decide(command) for command in commands))

        decided = [one for one in answered if isinstance(one, Decided)]
        refused = [one for one in answered if isinstance(one, Refusal)]
        assert (len(decided), len(refused), on.server.together_max) == (2, 8, 1)
        assert {one.reason for one in refused} == {Reason.OVERLOADED}
        assert len(await on.one.entries()) == 2


async def test_a_fault_moves_on_to_the_next_model_and_the_first_is_put_aside(tmp_path: Path) -> None:
    """Within the same decision, both calls recorded; the next decision asks the second at once."""
    async with ModelServer(decides("enterprise")) as backup, stage(tmp_path, status(500), backup=backup) as on:
        first, second = await on.decide("D-1"), await on.decide("D-2")

        assert [(call.model, call.outcome) for call in first.usage.calls] == [("small", CallOutcome.FAULTED), ("backup", CallOutcome.DECIDED)]
        assert [(call.model, call.outcome) for call in second.usage.calls] == [("backup", CallOutcome.DECIDED)]
        assert (first.usage.model, len(on.server.asked), len(backup.asked)) == ("backup", 1, 2)
        assert first.usage.calls[0].spend_micros + first.usage.calls[1].spend_micros == first.usage.spend_micros


async def test_a_run_whose_budget_is_used_up_is_stopped_before_a_model_is_asked(tmp_path: Path) -> None:
    """The run's own tokens hold one decision, not two."""
    law = activation(limits=LIMITS, stops_run=("BUDGET_LIMIT",), run_budgets=(counted(Ledger.TOKENS, 8_100), usd(Ledger.SPEND, 1_000_000)))
    async with stage(tmp_path, decides("pro"), law=law) as on:
        await on.decide("D-1")
        denied = await on.decide("D-2")
        run = await on.one.store.run(RunName(TENANT, WORKFLOW, "run-1"))

        assert (denied.stop, denied.notes[0].facts["level"], len(on.server.asked)) == (DecideStop.BUDGET_LIMIT, "run", 1)
        assert run is not None
        assert run.stop == "BUDGET_LIMIT"
