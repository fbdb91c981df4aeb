"""Domain to wire: commits, decisions, runs, reasons. Every enum value is found by name, so a list that disagrees fails at import of the tests."""

from collections.abc import Sequence
from functools import lru_cache

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from countersign.v1 import reason_pb2, types_pb2
from gateway.domain.budget import Hold, HoldState, Node, NodeRow, Window, left_of, window_end
from gateway.domain.handoffs import Outcome
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.reasons import TABLE, Retry
from gateway.domain.records import CommitRow, DecisionRow, Note, RunRow
from gateway.domain.thinking import ModelCall
from gateway.domain.writes.runs import Balance
from gateway.service.runs import Trace, TraceLine
from gateway.transport.codec import pages
from gateway.transport.codec.form import duration, timestamp

CONTRACT_VERSION = 1

_OUTCOME = {
    State.FORWARDING: types_pb2.OUTCOME_IN_PROGRESS,
    State.SUCCEEDED: types_pb2.OUTCOME_SUCCEEDED,
    State.FAILED: types_pb2.OUTCOME_FAILED,
    State.DENIED: types_pb2.OUTCOME_DENIED,
    State.UNKNOWN: types_pb2.OUTCOME_UNKNOWN,
}
_STATUS = {
    Thinking.THINKING: types_pb2.DECISION_STATUS_IN_PROGRESS,
    Thinking.DECIDED: types_pb2.DECISION_STATUS_DECIDED,
    Thinking.ABSTAINED: types_pb2.DECISION_STATUS_ABSTAINED,
    Thinking.STOPPED: types_pb2.DECISION_STATUS_STOPPED,
}
_RETRY = {Retry.NEVER: types_pb2.RETRY_NEVER, Retry.AFTER: types_pb2.RETRY_AFTER, Retry.WHEN_CHANGED: types_pb2.RETRY_WHEN_CHANGED}
_SOURCE = {"": types_pb2.DECISION_SOURCE_UNSPECIFIED, "AGENT": types_pb2.DECISION_SOURCE_AGENT, "FALLBACK": types_pb2.DECISION_SOURCE_FALLBACK}


def reason(note: Note) -> types_pb2.ReasonDetail:
    retry = Retry.AFTER if note.retry_after_ms else TABLE[note.reason].retry
    detail = types_pb2.ReasonDetail(
        reason=reason_pb2.Reason.Value(f"REASON_{note.reason}"), facts=dict(note.facts), policy_code=note.policy_code, retry=_RETRY[retry],
        message=f"{TABLE[note.reason].meaning} {note.detail}".strip(),
    )  # fmt: skip
    if note.retry_after_ms:
        detail.retry_after.CopyFrom(duration(note.retry_after_ms))
    return detail


def put_movements(budgets: RepeatedCompositeFieldContainer[types_pb2.BudgetMovement], holds: Sequence[Hold]) -> None:
    """What each hold did to its node, put where the answer has its budgets."""
    for held in holds:
        moved = budgets.add()
        moved.MergeFromString(_standing(held.node, held.limit))
        moved.held = held.amount if held.state is HoldState.OPEN else 0
        moved.settled, moved.left = held.settled, held.left


@lru_cache(maxsize=4_096)
def _standing(node: Node, limit: int) -> bytes:
    """What all movements at one node say, as bytes: taking those in costs less than setting each field."""
    return types_pb2.BudgetMovement(
        level=node.level, scope=node.scope, ledger=node.ledger, currency=node.currency, window=node.window, limit=limit
    ).SerializeToString()


def commit(row: CommitRow, response: bytes) -> types_pb2.Commit:
    made = types_pb2.Commit(
        commit_id=row.commit_id, generation=row.generation, outcome=_OUTCOME[row.state], reasons=[reason(note) for note in row.notes],
        host_status=row.host_status, host_response=response, response_truncated=row.response_truncated, verdict_id=row.verdict_id,
        activation_revision=row.revision, activation_number=row.activation_number,
        entry_hash=row.entry_hash, create_time=timestamp(row.created_at_ms), expire_time=timestamp(row.expire_at_ms),
        idempotency_key=row.key.decode(), run_id=row.run_id, workflow=row.workflow, step=row.step, action=row.action, target=row.target,
        decision_id=row.decision_id, fingerprint=row.fingerprint,
    )  # fmt: skip
    put_movements(made.budgets, row.holds)
    if row.ended_at_ms:
        made.end_time.CopyFrom(timestamp(row.ended_at_ms))
    return made


def outcome(answer: Outcome) -> types_pb2.Commit:
    return commit(answer.row, answer.response)


def commit_in_progress(commit_id: str) -> types_pb2.Commit:
    """All that is known when the caller's time ran out after the hand-over."""
    return types_pb2.Commit(commit_id=commit_id, outcome=types_pb2.OUTCOME_IN_PROGRESS)


def decision(row: DecisionRow) -> types_pb2.Decision:
    usage = row.usage
    made = types_pb2.Decision(
        decision_id=row.decision_id, generation=row.generation, status=_STATUS[row.state], option=row.option, source=_SOURCE[row.source],
        rationale=row.rationale, reasons=[reason(note) for note in row.notes], contract_version=CONTRACT_VERSION,
        evidence=[
            types_pb2.Evidence(
                tool=one.tool, result_sha256=one.result_sha256, result_bytes=one.result_bytes, ok=one.ok, prefetched=one.prefetched, cached=one.cached,
                note=one.note,
            )
            for one in row.evidence
        ],
        usage=types_pb2.DecideUsage(
            steps=usage.steps, tool_calls=usage.tool_calls, tokens_in=usage.tokens_in, tokens_out=usage.tokens_out,
            spend_micros=usage.spend_micros, wall=duration(usage.wall_ms), model=usage.model,
        ),
        activation_revision=row.revision, activation_number=row.activation_number, create_time=timestamp(row.created_at_ms),
        run_id=row.run_id, workflow=row.workflow, step=row.step, entry_hash=row.entry_hash, verdict_id=row.verdict_id,
        agent_version=row.agent_version, consumed_by=row.consumed_by,
        transcript_sha256=row.transcript_sha256,
    )  # fmt: skip
    put_movements(made.budgets, row.holds)
    made.calls.extend(_call(one) for one in usage.calls)
    if (agreement := usage.agreement) is not None:
        made.agreement.CopyFrom(
            types_pb2.Agreement(votes=agreement.votes, agreeing=agreement.agreeing, abstained=agreement.abstained, agreement_min=agreement.agreement_min)
        )
    if row.stop is not None:
        made.stop = types_pb2.DecideStop.Value(f"DECIDE_STOP_{row.stop}")
    if row.expire_at_ms:
        made.expire_time.CopyFrom(timestamp(row.expire_at_ms))
    if row.ended_at_ms:
        made.end_time.CopyFrom(timestamp(row.ended_at_ms))
    return made


def _call(call: ModelCall) -> types_pb2.ModelCall:
    return types_pb2.ModelCall(
        ballot=call.ballot, model=call.model, outcome=types_pb2.CallOutcome.Value(f"CALL_OUTCOME_{call.outcome}"), option=call.option,
        position=call.position, detail=call.detail, tokens_in=call.tokens_in, tokens_out=call.tokens_out, spend_micros=call.spend_micros,
        wall=duration(call.wall_ms),
    )  # fmt: skip


def decision_in_progress(decision_id: str) -> types_pb2.Decision:
    return types_pb2.Decision(decision_id=decision_id, status=types_pb2.DECISION_STATUS_IN_PROGRESS, contract_version=CONTRACT_VERSION)


def balance(row: NodeRow, limit: int) -> types_pb2.BudgetMovement:
    """A node as it stands, nobody's movement."""
    node = row.node
    made = types_pb2.BudgetMovement(
        level=node.level, scope=node.scope, ledger=node.ledger, currency=node.currency, window=node.window, held=row.held, settled=row.settled,
        left=left_of(row, limit), limit=limit, tenant=node.tenant,
    )  # fmt: skip
    if node.window is not Window.TOTAL:
        made.window_start_time.CopyFrom(timestamp(row.window_start_ms))
        made.reset_time.CopyFrom(timestamp(window_end(node.window, row.window_start_ms)))
    return made


def run(row: RunRow, budgets: Sequence[Balance]) -> types_pb2.Run:
    made = types_pb2.Run(
        run_id=row.name.run_id, workflow=row.name.workflow, create_time=timestamp(row.opened_at_ms), steps=row.steps, steps_max=row.steps_max,
        deadline=timestamp(row.deadline_at_ms), budgets=[balance(one.row, one.limit) for one in budgets],
    )  # fmt: skip
    if row.stop is not None:
        made.stop = types_pb2.RunStop.Value(f"RUN_STOP_{row.stop}")
        made.end_time.CopyFrom(timestamp(row.stopped_at_ms))
    return made


def trace(of: Trace) -> tuple[types_pb2.Run, list[types_pb2.TraceEntry], str]:
    """The run, one page of its trace, the token of the next."""
    shown = run(of.shown.run, of.shown.budgets)
    entries, token = pages.fill(((line.place, trace_line(line, of.shown.run)) for line in of.lines), after=of.after, beside=shown)
    return shown, entries, token


def trace_line(line: TraceLine, of_run: RunRow) -> types_pb2.TraceEntry:
    entry = line.entry
    made = types_pb2.TraceEntry(
        kind=types_pb2.EntryKind.Value(f"ENTRY_KIND_{entry.kind}"), time=timestamp(entry.time_ms), entry_hash=entry.leaf_hash, leaf=entry.leaf,
        result=line.result,
    )  # fmt: skip
    if line.commit:
        made.commit.CopyFrom(commit(line.commit.row, line.commit.response))
        made.step = line.commit.row.step
    if line.decision:
        made.decision.CopyFrom(decision(line.decision))
        made.step, made.mode = line.decision.step, "agentic"
    match entry.kind:
        case "STEP_RECORDED":
            made.step, made.mode = entry.subject_id, "deterministic"
        case "RUN_STOPPED" if of_run.stop is not None:
            made.stop, made.note = types_pb2.RunStop.Value(f"RUN_STOP_{of_run.stop}"), of_run.note
        case _:
            pass
    return made
