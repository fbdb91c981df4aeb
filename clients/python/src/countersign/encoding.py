"""Values to wire, once per content: what is sent again is the same bytes.

1. A payload, a context, a result is bytes as they are, or a mapping written once as compact UTF-8 JSON.
2. The contract's ceilings are checked here, because beyond the library's own limit an error could not say that nothing was sent.
   Everything else is the gateway's to judge.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NotRequired, TypedDict, Unpack

from google.protobuf.timestamp_pb2 import Timestamp

from countersign.answers import Decision
from countersign.codes import RunStop, wire_prefix
from countersign.v1 import gateway_pb2, types_pb2

PAYLOAD_BYTES_MAX: Final = 256 * 1024
CONTEXT_BYTES_MAX: Final = 64 * 1024
RESULT_BYTES_MAX: Final = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideLimits:
    """Bounds on thinking, tighter than the step's own. Zero means: the step's own."""

    steps_max: int = 0
    tool_calls_max: int = 0
    tokens_max: int = 0
    spend_micros_max: int = 0
    wall_ms_max: int = 0


def document(value: object, *, what: str, bytes_max: int) -> bytes:
    """`value` as the bytes that travel. ValueError over the ceiling or not JSON, TypeError for a type that JSON has not."""
    encoded = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    if len(encoded) > bytes_max:
        raise ValueError(f"{what} is {len(encoded)} bytes; the contract's ceiling is {bytes_max}")
    return encoded


class Question(TypedDict):
    """What defines a decision. `options` narrows the step's own, never widens them; absent or empty means all of them."""

    key: str
    run_id: str
    workflow: str
    step: str
    context: Mapping[str, object] | bytes
    options: NotRequired[Sequence[str]]
    limits: NotRequired[DecideLimits | None]


class Write(TypedDict):
    """What defines a governed write, and until when it may leave. `decision` is the decision or its id, where one is needed."""

    key: str
    run_id: str
    workflow: str
    step: str
    action: str
    payload: Mapping[str, object] | bytes
    decision: NotRequired[Decision | str | None]
    expire_time: NotRequired[datetime | None]


def decide_request(*, supersedes: str, **question: Unpack[Question]) -> gateway_pb2.DecideRequest:
    limits = question.get("limits")
    return gateway_pb2.DecideRequest(
        idempotency_key=question["key"],
        supersedes=supersedes,
        run_id=question["run_id"],
        workflow=question["workflow"],
        step=question["step"],
        context=document(question["context"], what="context", bytes_max=CONTEXT_BYTES_MAX),
        allowed_options=question.get("options", ()),
        limits=None if limits is None else bounds(limits),
    )


def bounds(limits: DecideLimits) -> types_pb2.DecideLimits:
    message = types_pb2.DecideLimits(
        steps_max=limits.steps_max, tool_calls_max=limits.tool_calls_max, tokens_max=limits.tokens_max, spend_micros_max=limits.spend_micros_max
    )
    if limits.wall_ms_max:
        message.wall_max.FromMilliseconds(limits.wall_ms_max)
    return message


def commit_request(*, supersedes: str, **write: Unpack[Write]) -> gateway_pb2.CommitRequest:
    decision, expire_time = write.get("decision"), write.get("expire_time")
    return gateway_pb2.CommitRequest(
        idempotency_key=write["key"],
        supersedes=supersedes,
        run_id=write["run_id"],
        workflow=write["workflow"],
        step=write["step"],
        action=write["action"],
        decision_id=decision.decision_id if isinstance(decision, Decision) else decision or "",
        payload=document(write["payload"], what="payload", bytes_max=PAYLOAD_BYTES_MAX),
        expire_time=None if expire_time is None else instant(expire_time),
    )


def instant(moment: datetime) -> Timestamp:
    if moment.tzinfo is None:
        raise ValueError(f"expire_time {moment.isoformat()} has no time zone; give an aware datetime")
    message = Timestamp()
    message.FromDatetime(moment.astimezone(UTC))
    return message


def step_request(*, key: str, run_id: str, workflow: str, step: str, result: object) -> gateway_pb2.RecordStepRequest:
    return gateway_pb2.RecordStepRequest(
        idempotency_key=key, run_id=run_id, workflow=workflow, step=step, result=document(result, what="result", bytes_max=RESULT_BYTES_MAX)
    )


def finish_request(*, key: str, run_id: str, workflow: str, stop: RunStop, note: str) -> gateway_pb2.FinishRunRequest:
    kind = types_pb2.RunStop.DESCRIPTOR
    number = types_pb2.RunStop.Value(wire_prefix(kind) + stop)
    return gateway_pb2.FinishRunRequest(idempotency_key=key, run_id=run_id, workflow=workflow, stop=number, note=note)
