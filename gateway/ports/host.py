"""The host system: the only place a write can go, and what was seen when it went.

1. `apply` sends at most once on the wire. It never raises for what the network did: silence is an observation.
2. An observation says what was seen, not what it means: `domain.host_answer` holds that table.
3. `NotSent` is claimed only when not one byte of the request can have left.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One approved write, ready for the wire."""

    target: str
    action: str
    method: str  # POST | PUT | PATCH | DELETE
    path: str  # final, percent-encoded, begins with "/"
    payload: bytes  # the approved bytes, sent as they are
    key: str  # the downstream key, `cs-<commit_id>`
    not_after_ms: int  # wall clock, Unix milliseconds: no first byte after this
    send_by_s: float  # boot-time clock (CLOCK_BOOTTIME seconds): no first byte after this
    traceparent: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not one byte left: the connection could not be made, or the time to send had passed."""

    why: "NotSentWhy"
    detail: str


class NotSentWhy(StrEnum):
    NOT_REACHED = "NOT_REACHED"
    TOO_LATE = "TOO_LATE"


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


class QueryFinding(StrEnum):
    """What a host says of one downstream key."""

    APPLIED = "APPLIED"
    IN_PROGRESS = "IN_PROGRESS"
    NOT_APPLIED = "NOT_APPLIED"  # the host has durably closed this key
    NOT_FOUND = "NOT_FOUND"  # final only if the host enforces Not-After and it has passed with skew
    NO_ANSWER = "NO_ANSWER"  # the query itself failed or made no sense; says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswer:
    finding: QueryFinding
    status: int  # of the host's original answer when APPLIED, else 0
    body: bytes  # likewise, bounded
    detail: str


class Host(Protocol):
    """One target."""

    async def apply(self, delivery: Delivery) -> Observation: ...

    async def query(self, *, key: str, deadline_s: float) -> QueryAnswer:
        """Ask about a key; `deadline_s` on the running loop's clock. Only for targets declared `query`."""
        ...

    async def close(self) -> None: ...
