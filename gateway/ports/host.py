"""The host system: the only place a write can go, and what was seen when it went.

1. `apply` sends at most once on the wire. It never raises for what the network did: silence is an observation.
2. An observation says what was seen, not what it means: `domain.host_answer` has the types and that table.
3. `NotSent` is claimed only when not one byte of the request can have left.
"""

from dataclasses import dataclass
from typing import Protocol

from gateway.domain.host_answer import GrpcReply, HttpReply, NotSent, NotSentWhy, Observation, QueryFinding, Silent

__all__ = ["Delivery", "GrpcReply", "Host", "HttpReply", "NotSent", "NotSentWhy", "Observation", "QueryAnswer", "QueryFinding", "Silent"]


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
