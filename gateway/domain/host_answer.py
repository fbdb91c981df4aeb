"""What a host's answer means: one table from what was seen to what it says about the write.

1. Only what the table lists is definite. Anything else is UNKNOWN, and keeps its hold.
2. A refusal of a re-send says nothing about the first attempt: a re-send may only move to SUCCEEDED, unless the target replays refusals.
3. Not having sent a re-send says nothing either, whatever the target declares.
4. A target overrides a row by status code, never by the text of an answer.
5. Nobody resolves to "not done" before not_after, with skew, has passed: a sender that was stopped may still wake.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from gateway.domain.reasons import Reason


class NotSentWhy(StrEnum):
    NOT_REACHED = "NOT_REACHED"
    TOO_LATE = "TOO_LATE"


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not one byte left: the connection could not be made, or the time to send had passed."""

    why: NotSentWhy
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """A complete response header arrived. `body` holds at most the stored-response cap."""

    status: int
    body: bytes
    body_truncated: bool  # over the cap, lost midway, or not readable in time
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcReply:
    """A final gRPC status arrived from the host itself."""

    code: str  # "OK", "NOT_FOUND", …
    body: bytes
    body_truncated: bool


@dataclass(frozen=True, slots=True)
class Silent:
    """At least one byte may have left and no complete answer came."""

    detail: str


Observation = NotSent | HttpReply | GrpcReply | Silent


class HostClass(StrEnum):
    """What an observation says about the write."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"  # definitely not written
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    host_class: HostClass
    reason: Reason | None  # None exactly when SUCCEEDED
    status: int  # an HTTP status or a gRPC code number; 0 when nothing answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the documented table: everything any of its columns lists means the same."""

    observed: str  # for a person
    host_class: HostClass
    reason: Reason | None
    not_sent: tuple[NotSentWhy, ...] = ()
    statuses: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()  # gRPC
    if_trusted: bool = False  # holds only for a target that declares trusts_status_codes
    why: str


_REFUSALS: Final = (400, 401, 403, 404, 405, 406, 410, 411, 412, 413, 414, 415, 422, 423, 428, 429, 431, 451)
_AMBIGUOUS_4XX: Final = (402, 408, 409, 425)

ROWS: Final = (
    Row(
        observed="could not connect, nothing written",
        not_sent=(NotSentWhy.NOT_REACHED,),
        host_class=HostClass.FAILED,
        reason=Reason.HOST_NOT_REACHED,
        why="connecting is a phase of its own; no byte of the request had left",
    ),
    Row(
        observed="the time to send passed before the first byte",
        not_sent=(NotSentWhy.TOO_LATE,),
        host_class=HostClass.FAILED,
        reason=Reason.NOT_SENT_IN_TIME,
        why="checked immediately before the first byte",
    ),
    Row(
        observed="HTTP 2xx except 202, header complete",
        statuses=tuple(status for status in range(200, 300) if status != 202),
        host_class=HostClass.SUCCEEDED,
        reason=None,
        why="a lost or over-long body only marks the stored response as truncated",
    ),
    Row(
        observed="gRPC OK",
        codes=("OK",),
        host_class=HostClass.SUCCEEDED,
        reason=None,
        why="OK is sent by the handler alone",
    ),
    Row(
        observed="HTTP refusals made before anything is done",
        statuses=_REFUSALS,
        host_class=HostClass.FAILED,
        reason=Reason.HOST_REFUSED,
        why="each says that the request as it stands was not carried out",
    ),
    Row(
        observed="gRPC refusals, where the target declares trusts_status_codes",
        codes=("INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE", "UNIMPLEMENTED"),
        if_trusted=True,
        host_class=HostClass.FAILED,
        reason=Reason.HOST_REFUSED,
        why="libraries and middlemen raise these too, so only a host that promises to use them rightly is believed",
    ),
    Row(
        observed="HTTP 1xx, 202, 3xx (never followed), 402, 408, 409, 425, 5xx",
        statuses=(*range(100, 200), 202, *range(300, 400), *_AMBIGUOUS_4XX, *range(500, 600)),
        host_class=HostClass.UNKNOWN,
        reason=Reason.HOST_AMBIGUOUS,
        why="each is given both before and after the effect",
    ),
    Row(
        observed="gRPC statuses that our own client or a middleman may raise after the effect",
        codes=("RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL", "UNKNOWN", "ABORTED", "ALREADY_EXISTS", "DATA_LOSS"),
        host_class=HostClass.UNKNOWN,
        reason=Reason.HOST_AMBIGUOUS,
        why="RESOURCE_EXHAUSTED is what a client raises when the reply to a done write is too large for it",
    ),
)

ANYTHING_ELSE: Final = Row(
    observed="any other answer",
    host_class=HostClass.UNKNOWN,
    reason=Reason.HOST_AMBIGUOUS,
    why="what is not listed is not definite",
)
SILENCE: Final = Row(
    observed="any break after the first byte, and no complete answer",
    host_class=HostClass.UNKNOWN,
    reason=Reason.HOST_SILENT,
    why="the host may have read all of it",
)

_BY_STATUS: Final = {status: row for row in ROWS for status in row.statuses}
_BY_CODE: Final = {code: row for row in ROWS for code in row.codes}
_BY_NOT_SENT: Final = {why: row for row in ROWS for why in row.not_sent}

# https://github.com/grpc/grpc/blob/master/doc/statuscodes.md, in the order of their numbers
_GRPC_CODES: Final = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
GRPC_NUMBERS: Final = {code: number for number, code in enumerate(_GRPC_CODES)}

_OVERRIDDEN_REASON: Final = {HostClass.SUCCEEDED: None, HostClass.FAILED: Reason.HOST_REFUSED, HostClass.UNKNOWN: Reason.HOST_AMBIGUOUS}


def classify(observation: Observation, *, resend: bool, overrides: Mapping[int, HostClass], replays_refusals: bool, trusts_status_codes: bool) -> Classified:
    """Reads the table. `overrides` is by HTTP status; `resend` is true for every attempt after the first."""
    match observation:
        case NotSent():
            row = SILENCE if resend else _BY_NOT_SENT[observation.why]
            return Classified(host_class=row.host_class, reason=row.reason, status=0)
        case Silent():
            return Classified(host_class=SILENCE.host_class, reason=SILENCE.reason, status=0)
        case HttpReply():
            seen = _of_http(observation.status, overrides)
        case GrpcReply():
            seen = _of_grpc(observation.code, trusts_status_codes=trusts_status_codes)
        case _:
            assert_never(observation)
    if resend and seen.host_class is HostClass.FAILED and not replays_refusals:
        return Classified(host_class=HostClass.UNKNOWN, reason=Reason.HOST_AMBIGUOUS, status=seen.status)
    return seen


def _of_http(status: int, overrides: Mapping[int, HostClass]) -> Classified:
    overridden = overrides.get(status)
    if overridden is not None:
        return Classified(host_class=overridden, reason=_OVERRIDDEN_REASON[overridden], status=status)
    row = _BY_STATUS.get(status, ANYTHING_ELSE)
    return Classified(host_class=row.host_class, reason=row.reason, status=status)


def _of_grpc(code: str, *, trusts_status_codes: bool) -> Classified:
    row = _BY_CODE.get(code, ANYTHING_ELSE)
    if row.if_trusted and not trusts_status_codes:
        row = ANYTHING_ELSE
    return Classified(host_class=row.host_class, reason=row.reason, status=GRPC_NUMBERS.get(code, GRPC_NUMBERS["UNKNOWN"]))


class QueryFinding(StrEnum):
    """What a host says of one downstream key."""

    APPLIED = "APPLIED"
    IN_PROGRESS = "IN_PROGRESS"
    NOT_APPLIED = "NOT_APPLIED"  # the host has durably closed this key
    NOT_FOUND = "NOT_FOUND"  # final only if the host enforces Not-After and it has passed with skew
    NO_ANSWER = "NO_ANSWER"  # the query itself failed or made no sense; says nothing


class Resolution(StrEnum):
    """What a finding settles."""

    DONE = "DONE"
    NOT_DONE = "NOT_DONE"
    STILL_UNKNOWN = "STILL_UNKNOWN"


def resolve_by_query(finding: QueryFinding, *, enforces_not_after: bool, not_after_passed_with_skew: bool) -> Resolution:
    """`not_after_passed_with_skew` speaks of every attempt of the commit, the latest included."""
    match finding:
        case QueryFinding.APPLIED:
            return Resolution.DONE
        case QueryFinding.NOT_APPLIED:
            return Resolution.NOT_DONE if not_after_passed_with_skew else Resolution.STILL_UNKNOWN
        case QueryFinding.NOT_FOUND:
            return Resolution.NOT_DONE if enforces_not_after and not_after_passed_with_skew else Resolution.STILL_UNKNOWN
        case QueryFinding.IN_PROGRESS | QueryFinding.NO_ANSWER:
            return Resolution.STILL_UNKNOWN
        case _:
            assert_never(finding)
