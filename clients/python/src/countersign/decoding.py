"""Wire to values. Pure; total over everything a newer gateway may add."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from countersign.answers import (
    Agreement,
    BudgetMovement,
    Commit,
    DecideUsage,
    Decision,
    Evidence,
    ModelCall,
    Preview,
    ReasonDetail,
    Run,
    StepRecorded,
    TraceEntry,
)
from countersign.codes import CallOutcome, DecideStop, DecisionSource, DecisionStatus, EntryKind, Outcome, Reason, Retry, RunStop, code_of
from countersign.v1 import gateway_pb2, reason_pb2, types_pb2


def moment(message: Timestamp, *, known: bool) -> datetime | None:
    return message.ToDatetime(tzinfo=UTC) if known else None


def span(message: Duration) -> timedelta:
    return message.ToTimedelta()


def reasons(details: Iterable[types_pb2.ReasonDetail]) -> tuple[ReasonDetail, ...]:
    return tuple(
        ReasonDetail(
            reason=code_of(Reason, reason_pb2.Reason.DESCRIPTOR, detail.reason),
            facts=MappingProxyType(dict(detail.facts)),
            policy_code=detail.policy_code,
            retry=code_of(Retry, types_pb2.Retry.DESCRIPTOR, detail.retry),
            retry_after=span(detail.retry_after) if detail.HasField("retry_after") else None,
            message=detail.message,
        )
        for detail in details
    )


def budgets(movements: Iterable[types_pb2.BudgetMovement]) -> tuple[BudgetMovement, ...]:
    return tuple(
        BudgetMovement(
            level=one.level,
            scope=one.scope,
            ledger=one.ledger,
            currency=one.currency,
            window=one.window,
            held=one.held,
            settled=one.settled,
            left=one.left,
            limit=one.limit,
            tenant=one.tenant,
            window_start_time=moment(one.window_start_time, known=one.HasField("window_start_time")),
            reset_time=moment(one.reset_time, known=one.HasField("reset_time")),
        )
        for one in movements
    )


def commit(wire: types_pb2.Commit, *, replayed: bool) -> Commit:
    return Commit(
        commit_id=wire.commit_id,
        generation=wire.generation,
        outcome=code_of(Outcome, types_pb2.Outcome.DESCRIPTOR, wire.outcome),
        reasons=reasons(wire.reasons),
        replayed=replayed,
        host_status=wire.host_status,
        host_response=wire.host_response,
        response_truncated=wire.response_truncated,
        verdict_id=wire.verdict_id,
        activation_revision=wire.activation_revision,
        activation_number=wire.activation_number,
        budgets=budgets(wire.budgets),
        entry_hash=wire.entry_hash,
        create_time=moment(wire.create_time, known=wire.HasField("create_time")),
        end_time=moment(wire.end_time, known=wire.HasField("end_time")),
        expire_time=moment(wire.expire_time, known=wire.HasField("expire_time")),
        idempotency_key=wire.idempotency_key,
        run_id=wire.run_id,
        workflow=wire.workflow,
        step=wire.step,
        action=wire.action,
        target=wire.target,
        decision_id=wire.decision_id,
        fingerprint=wire.fingerprint,
        raw=wire,
    )


def preview(wire: gateway_pb2.PreviewCommitResponse) -> Preview:
    return Preview(admitted=wire.admitted, reasons=reasons(wire.reasons), budgets=budgets(wire.budgets), activation_revision=wire.activation_revision, raw=wire)


def usage(wire: types_pb2.DecideUsage) -> DecideUsage:
    return DecideUsage(
        steps=wire.steps,
        tool_calls=wire.tool_calls,
        tokens_in=wire.tokens_in,
        tokens_out=wire.tokens_out,
        spend_micros=wire.spend_micros,
        wall=span(wire.wall),
        model=wire.model,
    )


def evidence(calls: Iterable[types_pb2.Evidence]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            tool=one.tool,
            result_sha256=one.result_sha256,
            result_bytes=one.result_bytes,
            ok=one.ok,
            prefetched=one.prefetched,
            cached=one.cached,
            note=one.note,
        )
        for one in calls
    )


def _call(wire: types_pb2.ModelCall) -> ModelCall:
    return ModelCall(
        ballot=wire.ballot,
        model=wire.model,
        outcome=code_of(CallOutcome, types_pb2.CallOutcome.DESCRIPTOR, wire.outcome),
        option=wire.option,
        position=wire.position,
        detail=wire.detail,
        tokens_in=wire.tokens_in,
        tokens_out=wire.tokens_out,
        spend_micros=wire.spend_micros,
        wall=span(wire.wall),
    )


def _agreement(wire: types_pb2.Agreement) -> Agreement:
    return Agreement(votes=wire.votes, agreeing=wire.agreeing, abstained=wire.abstained, agreement_min=wire.agreement_min)


def decision(wire: types_pb2.Decision, *, replayed: bool) -> Decision:
    status = code_of(DecisionStatus, types_pb2.DecisionStatus.DESCRIPTOR, wire.status)
    return Decision(
        decision_id=wire.decision_id,
        generation=wire.generation,
        status=status,
        option=wire.option if status is DecisionStatus.DECIDED else None,
        source=code_of(DecisionSource, types_pb2.DecisionSource.DESCRIPTOR, wire.source),
        rationale=wire.rationale,
        evidence=evidence(wire.evidence),
        stop=code_of(DecideStop, types_pb2.DecideStop.DESCRIPTOR, wire.stop),
        reasons=reasons(wire.reasons),
        replayed=replayed,
        usage=usage(wire.usage),
        contract_version=wire.contract_version,
        activation_revision=wire.activation_revision,
        activation_number=wire.activation_number,
        expire_time=moment(wire.expire_time, known=wire.HasField("expire_time")),
        create_time=moment(wire.create_time, known=wire.HasField("create_time")),
        end_time=moment(wire.end_time, known=wire.HasField("end_time")),
        run_id=wire.run_id,
        workflow=wire.workflow,
        step=wire.step,
        entry_hash=wire.entry_hash,
        verdict_id=wire.verdict_id,
        budgets=budgets(wire.budgets),
        agent_version=wire.agent_version,
        consumed_by=wire.consumed_by,
        calls=tuple(_call(one) for one in wire.calls),
        agreement=_agreement(wire.agreement) if wire.HasField("agreement") else None,
        transcript_sha256=wire.transcript_sha256,
        raw=wire,
    )


def step_recorded(wire: gateway_pb2.RecordStepResponse) -> StepRecorded:
    return StepRecorded(entry_hash=wire.entry_hash, steps_left=wire.steps_left, replayed=wire.replayed, reasons=reasons(wire.reasons), raw=wire)


def run_stop(number: int) -> RunStop | None:
    """None for the zero value, an open run; a stop this client does not know is UNSPECIFIED, and a stop all the same."""
    return code_of(RunStop, types_pb2.RunStop.DESCRIPTOR, number) if number else None


def run(wire: types_pb2.Run) -> Run:
    return Run(
        run_id=wire.run_id,
        workflow=wire.workflow,
        stop=run_stop(wire.stop),
        create_time=moment(wire.create_time, known=wire.HasField("create_time")),
        end_time=moment(wire.end_time, known=wire.HasField("end_time")),
        steps=wire.steps,
        steps_max=wire.steps_max,
        deadline=moment(wire.deadline, known=wire.HasField("deadline")),
        budgets=budgets(wire.budgets),
        raw=wire,
    )


def trace_entry(wire: types_pb2.TraceEntry) -> TraceEntry:
    return TraceEntry(
        kind=code_of(EntryKind, types_pb2.EntryKind.DESCRIPTOR, wire.kind),
        time=moment(wire.time, known=wire.HasField("time")),
        entry_hash=wire.entry_hash,
        leaf=wire.leaf,
        step=wire.step,
        mode=wire.mode,
        decision=decision(wire.decision, replayed=False) if wire.HasField("decision") else None,
        commit=commit(wire.commit, replayed=False) if wire.HasField("commit") else None,
        result=wire.result,
        stop=run_stop(wire.stop),
        note=wire.note,
        raw=wire,
    )
