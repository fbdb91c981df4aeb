"""What one thinking came to, call by call, and what it may be told of thinkings before it.

1. A model call is written down whatever came of it; together the calls are the usage.
2. An option stands in a call only where the step offers it: what a model said besides is no name to record.
3. The calls enter the record's leaf by salted digest over `calls_json`, since `detail` may quote a server; the agreement enters as it is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class CallOutcome(StrEnum):
    """What one model call came to."""

    DECIDED = "DECIDED"
    ABSTAINED = "ABSTAINED"
    TOOL_CALLED = "TOOL_CALLED"
    MALFORMED = "MALFORMED"
    TRUNCATED = "TRUNCATED"
    REFUSED = "REFUSED"
    FAULTED = "FAULTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One model call."""

    ballot: int  # from 1
    model: str
    outcome: CallOutcome
    option: str  # with DECIDED, where the step offers it
    position: int  # of that option in the order shown, from 1; 0 without one
    detail: str  # why it was not accepted, or what was seen of the fault; at most 200 characters
    tokens_in: int
    tokens_out: int
    spend_micros: int
    wall_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What came of several ballots. `agreeing` are those for the leading option, or for each of those that tie."""

    votes: int
    agreeing: int
    abstained: int
    agreement_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What was decided before in the same run, by name alone."""

    step: str
    option: str
    source: str  # AGENT or FALLBACK


def calls_json(calls: Sequence[ModelCall]) -> bytes:
    """Canonical: sorted keys, no spaces; b"" for none."""
    return json.dumps([asdict(call) for call in calls], sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode() if calls else b""


def calls_of(document: Sequence[Mapping[str, Any]]) -> tuple[ModelCall, ...]:
    """From what `calls_json` wrote, parsed."""
    return tuple(ModelCall(**{**one, "outcome": CallOutcome(one["outcome"])}) for one in document)
