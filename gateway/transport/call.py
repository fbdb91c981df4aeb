"""What is known of a call before its message is read: who, until when, under which trace."""

import re
from dataclasses import dataclass
from typing import Final

from gateway.domain.commands import Patience
from gateway.domain.identity import Caller
from gateway.domain.limits import DEADLINE_MARGIN_S_MIN, DEADLINE_MARGIN_SHARE

_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    method: str
    caller: Caller
    traceparent: str  # re-serialised W3C trace context, or ""
    patience: Patience


def patience(*, now_s: float, left_s: float, ceiling_s: float) -> Patience:
    """A longer deadline than the ceiling is clamped. Work is handed over one margin before it, the answer leaves half a margin before."""
    span_s = min(left_s, ceiling_s)
    margin_s = max(DEADLINE_MARGIN_S_MIN, DEADLINE_MARGIN_SHARE * span_s)
    return Patience(hand_over_by_s=now_s + span_s - margin_s, answer_by_s=now_s + span_s - margin_s / 2)


def traceparent(value: str) -> str:
    """The value when it is exactly W3C version 00; nothing else of a caller's metadata goes downstream."""
    return value if _TRACEPARENT.fullmatch(value) else ""
