"""GatewayService as a workflow meets it: each RPC over a real server, from its message to its answer."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from countersign.v1 import gateway_pb2, reason_pb2, types_pb2
from gateway.domain.budget import Ledger, Window
from gateway.domain.halts import HaltScope
from gateway.domain.writes.halts import ThrowHalt
from tests.fakes.activation import activation, counted, usd
from tests.fakes.commands import CREDIT, NOW_MS, PLAN, encoded
from tests.fakes.gateway import NEVER_S, FakeGateway, gateway
from tests.fakes.host import VANISHED, answered
from tests.fakes.policy import deny
from tests.fakes.served import GATEWAY, Served, changed, every_role, served
from tests.fakes.thinker import Says

WRITE = gateway_pb2.CommitRequest(
    idempotency_key="K-1", run_id="run-1", workflow="subscribe", step="write", action="top_up", payload=encoded(CREDIT)
)  # fmt: skip
QUESTION = gateway_pb2.DecideRequest(idempotency_key="D-1", run_id="run-1", workflow="subscribe", step="select", context=b'{"team_size":12}')


@dataclass(frozen=True, slots=True)
class Wire:
    of: FakeGateway
    one: Served

    async def commit(self, request: gateway_pb2.CommitRequest = WRITE) -> gateway_pb2.CommitResponse:
        return await self.one.ask("workflow", f"{GATEWAY}/Commit", request, gateway_pb2.CommitResponse)

    async def decide(self, request: gateway_pb2.DecideRequest = QUESTION) -> gateway_pb2.DecideResponse:
        return await self.one.ask("workflow", f"{GATEWAY}/Decide", request, gateway_pb2.DecideResponse)


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    tenant_budgets = [usd(Ledger.VALUE, 2_500), usd(Ledger.SPEND, 10**9)]
    law = activation(steps_max=9, workflow_budgets=[counted(Ledger.WRITES, 5, Window.MINUTE)], tenant_budgets=tenant_budgets)
    async with gateway(law) as of, served(of, every_role(tmp_path)) as one:
        yield Wire(of, one)


async def test_a_commit_tells_everything_of_itself(wire: Wire) -> None:
    """Outcome, host's answer, budgets with what is left, where the record is, what was asked."""
    response = await wire.commit()

    commit = response.commit
    assert (commit.outcome, commit.generation, response.replayed, list(commit.reasons)) == (types_pb2.OUTCOME_SUCCEEDED, 1, False, [])
    assert (commit.host_status, commit.host_response, commit.response_truncated) == (201, b'{"ok":true}', False)
    assert [(one.level, one.ledger, one.currency, one.window, one.held, one.settled, one.left, one.limit) for one in commit.budgets] == [
        ("workflow", "writes", "", "minute", 0, 1, 4, 5),
        ("tenant", "value", "USD", "total", 0, 1_000, 1_500, 2_500),
    ]
    assert (commit.idempotency_key, commit.run_id, commit.workflow, commit.step, commit.action, commit.target) == (
        "K-1", "run-1", "subscribe", "write", "top_up", "billing",
    )  # fmt: skip
    assert (commit.activation_number, commit.activation_revision) == (1, "rev-1")
    assert commit.create_time.ToMilliseconds() == commit.end_time.ToMilliseconds() == NOW_MS
    assert commit.expire_time.ToMilliseconds() == NOW_MS + 600_000
    assert (len(commit.entry_hash), len(commit.fingerprint), bool(commit.verdict_id), bool(commit.commit_id)) == (32, 32, True, True)


async def test_the_same_commit_again_is_replayed(wire: Wire) -> None:
    """The same answer, marked."""
    first = await wire.commit()
    again = await wire.commit(changed(WRITE, expire_time=Timestamp(seconds=1)))

    assert (again.replayed, again.commit, len(wire.of.billing.deliveries)) == (True, first.commit, 1)


async def test_a_denial_is_data_with_its_codes_facts_and_advice(wire: Wire) -> None:
    """Status OK: DENIED, policy code, when changed."""
    wire.of.policy.script = lambda _entrypoint, _input: deny("TOO_RISKY", "ask for less")

    commit = (await wire.commit()).commit

    assert commit.outcome == types_pb2.OUTCOME_DENIED
    assert [(one.reason, one.policy_code, one.retry) for one in commit.reasons] == [
        (reason_pb2.REASON_POLICY_DENIED, "TOO_RISKY", types_pb2.RETRY_WHEN_CHANGED),
    ]  # fmt: skip
    assert commit.reasons[0].message.endswith("ask for less")


async def test_a_shortage_of_a_window_says_how_long_to_wait(wire: Wire) -> None:
    """AFTER, as a duration; of a total it is WHEN_CHANGED."""
    for number in range(2):
        await wire.commit(changed(WRITE, idempotency_key=f"K-{number}"))
    total = (await wire.commit(changed(WRITE, idempotency_key="K-2"))).commit.reasons[0]
    for number in range(3, 6):
        await wire.commit(changed(WRITE, idempotency_key=f"K-{number}", payload=encoded({**CREDIT, "amount": 0})))
    windowed = (await wire.commit(changed(WRITE, idempotency_key="K-6", payload=encoded({**CREDIT, "amount": 0})))).commit.reasons[0]

    assert (total.retry, total.facts["level"], total.facts["left"]) == (types_pb2.RETRY_WHEN_CHANGED, "tenant", "500")
    assert (windowed.retry, windowed.facts["ledger"]) == (types_pb2.RETRY_AFTER, "writes")
    assert 0 < windowed.retry_after.ToMilliseconds() <= 60_000


async def test_an_unknown_is_data_with_its_hold(wire: Wire) -> None:
    """Held, nothing settled, no end."""
    wire.of.billing.turns.append(VANISHED)

    commit = (await wire.commit()).commit

    assert (commit.outcome, [one.held for one in commit.budgets], commit.HasField("end_time")) == (types_pb2.OUTCOME_UNKNOWN, [1, 1_000], False)
    assert [one.reason for one in commit.reasons] == [reason_pb2.REASON_HOST_SILENT]


async def test_a_failure_is_superseded_under_its_key(wire: Wire) -> None:
    """Generation 2, another payload."""
    wire.of.billing.turns.append(answered(422, b"no such account", applied=False))
    failed = (await wire.commit()).commit

    done = (await wire.commit(changed(WRITE, supersedes=failed.commit_id, payload=encoded({**CREDIT, "account": "team-13"})))).commit

    assert (failed.outcome, failed.host_status, failed.host_response) == (types_pb2.OUTCOME_FAILED, 422, b"no such account")
    assert (done.outcome, done.generation, done.idempotency_key) == (types_pb2.OUTCOME_SUCCEEDED, 2, "K-1")


async def test_a_decision_tells_everything_of_itself_and_carries_a_write(wire: Wire) -> None:
    """Option, source, usage, evidence, budgets, lifetime; then consumed."""
    wire.of.thinker.script.append(Says(option="basic", rationale="five seats are enough"))
    response = await wire.decide()
    decision = response.decision

    write = changed(WRITE, action="activate_plan", payload=encoded(PLAN), decision_id=decision.decision_id)
    commit = (await wire.commit(write)).commit

    assert (decision.status, decision.option, decision.source, decision.stop, decision.rationale) == (
        types_pb2.DECISION_STATUS_DECIDED, "basic", types_pb2.DECISION_SOURCE_AGENT, types_pb2.DECIDE_STOP_FINAL_RESULT, "five seats are enough",
    )  # fmt: skip
    assert (decision.usage.steps, decision.usage.tokens_in, decision.usage.tokens_out, decision.usage.spend_micros) == (1, 100, 10, 30)
    assert (decision.usage.model, decision.usage.wall.ToMilliseconds()) == ("small", 5)
    assert [(one.tool, one.prefetched) for one in decision.evidence] == [("list_plans", True)]
    assert (decision.contract_version, decision.expire_time.ToMilliseconds()) == (1, NOW_MS + 900_000)
    assert (commit.outcome, commit.decision_id) == (types_pb2.OUTCOME_SUCCEEDED, decision.decision_id)
    assert (await wire.decide()).decision.consumed_by == commit.commit_id


async def test_a_decision_that_stopped_is_data(wire: Wire) -> None:
    """INVALID_OPTION, no option, no source, no lifetime."""
    wire.of.thinker.script.append(Says(option="free"))

    decision = (await wire.decide()).decision

    assert (decision.status, decision.option, decision.source, decision.stop, decision.HasField("expire_time")) == (
        types_pb2.DECISION_STATUS_STOPPED, "", types_pb2.DECISION_SOURCE_UNSPECIFIED, types_pb2.DECIDE_STOP_INVALID_OPTION, False,
    )  # fmt: skip


async def test_a_preview_says_what_would_happen(wire: Wire) -> None:
    """Admitted with its holds, or why not; the key stays free."""
    ask = gateway_pb2.PreviewCommitRequest(commit=WRITE)
    admitted = await wire.one.ask("workflow", f"{GATEWAY}/PreviewCommit", ask, gateway_pb2.PreviewCommitResponse)
    await wire.of.store.write(ThrowHalt(halt_id="h", scope=HaltScope(), reason="r", principal="p", salt=b""), hand_over_by_s=NEVER_S)
    halted = await wire.one.ask("workflow", f"{GATEWAY}/PreviewCommit", ask, gateway_pb2.PreviewCommitResponse)

    assert (admitted.admitted, [one.held for one in admitted.budgets], admitted.activation_revision) == (True, [1, 1_000], "rev-1")
    assert (halted.admitted, [one.reason for one in halted.reasons]) == (False, [reason_pb2.REASON_HALTED])


@pytest.mark.parametrize("rpc", ["GetCommit", "WaitCommit"])
async def test_a_commit_is_found_by_id_and_by_key(wire: Wire, rpc: str) -> None:
    """As it was told."""
    told = (await wire.commit()).commit
    names = [gateway_pb2.GetCommitRequest(commit_id=told.commit_id), gateway_pb2.GetCommitRequest(idempotency_key="K-1")]

    found = [await wire.one.ask("workflow", f"{GATEWAY}/{rpc}", name, gateway_pb2.GetCommitResponse) for name in names]

    assert [one.commit for one in found] == [told, told]


async def test_a_run_from_its_first_step_to_its_end(wire: Wire) -> None:
    """Steps, a decision, a write, the finish; then its trace, in pages."""
    step = gateway_pb2.RecordStepRequest(idempotency_key="S", run_id="run-1", workflow="subscribe", step="read_account", result=b'{"seats":12}')
    taken = await wire.one.ask("workflow", f"{GATEWAY}/RecordStep", step, gateway_pb2.RecordStepResponse)
    await wire.decide()
    await wire.commit()
    finish = gateway_pb2.FinishRunRequest(
        idempotency_key="F", run_id="run-1", workflow="subscribe", stop=types_pb2.RUN_STOP_FINAL_RESULT, note="all well"
    )  # fmt: skip
    finished = await wire.one.ask("workflow", f"{GATEWAY}/FinishRun", finish, gateway_pb2.FinishRunResponse)
    token, lines = "", list[types_pb2.TraceEntry]()
    for _ in range(5):
        ask = gateway_pb2.GetRunRequest(run_id="run-1", page_size=2, page_token=token)
        page = await wire.one.ask("workflow", f"{GATEWAY}/GetRun", ask, gateway_pb2.GetRunResponse)
        lines += page.entries
        token = page.next_page_token
        if not token:
            break

    assert (taken.steps_left, len(taken.entry_hash), taken.replayed) == (8, 32, False)
    assert (finished.run.stop, finished.run.steps, finished.run.steps_max) == (types_pb2.RUN_STOP_FINAL_RESULT, 3, 9)
    assert [types_pb2.EntryKind.Name(line.kind) for line in lines] == [
        "ENTRY_KIND_STEP_RECORDED", "ENTRY_KIND_DECISION", "ENTRY_KIND_INTENT", "ENTRY_KIND_OUTCOME", "ENTRY_KIND_RUN_STOPPED",
    ]  # fmt: skip
    assert [line.step for line in lines] == ["read_account", "select", "write", "write", ""]
    assert [line.mode for line in lines] == ["deterministic", "agentic", "", "", ""]
    assert (lines[0].result, lines[-1].note, lines[-1].stop) == (b'{"seats":12}', "all well", types_pb2.RUN_STOP_FINAL_RESULT)
    assert all(len(line.entry_hash) == 32 and line.leaf for line in lines)


async def test_a_step_that_is_not_counted_says_why(wire: Wire) -> None:
    """Status OK, no entry, a reason."""
    step = gateway_pb2.RecordStepRequest(run_id="run-1", workflow="subscribe", step="read_account")
    for number in range(9):
        await wire.one.ask("workflow", f"{GATEWAY}/RecordStep", changed(step, idempotency_key=f"S-{number}"), gateway_pb2.RecordStepResponse)

    over = await wire.one.ask("workflow", f"{GATEWAY}/RecordStep", changed(step, idempotency_key="S-9"), gateway_pb2.RecordStepResponse)

    assert (over.entry_hash, over.steps_left, [one.reason for one in over.reasons]) == (b"", 0, [reason_pb2.REASON_BUDGET_EXHAUSTED])


async def test_nothing_of_the_callers_metadata_goes_downstream_but_its_trace(wire: Wire) -> None:
    """Re-serialised, never copied."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await wire.one.raw("workflow", f"{GATEWAY}/Commit", WRITE.SerializeToString(), metadata=[("traceparent", trace), ("x-secret", "s")])

    delivery = wire.of.billing.deliveries[0]

    assert (delivery.traceparent, wire.of.policy.questions[0].traceparent) == (trace, trace)
    assert "x-secret" not in repr(delivery)
