"""What the agent is given and what it gives back: plain frozen data, no credential, no library.

1. A limit is an integer with its unit in its name; `spend_micros_max` None means that no money limit applies.
2. `Usage` is what has been used and what is reserved for the call in flight; nothing is done before it is in there.
3. Every end of thinking is an `Ended`; a limit that is hit is a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agent.tools.spec import SlotSpec

AGENT_VERSION: Final = "1.1.0"  # of prompts, step schema and parser together; recorded with every decision

RATIONALE_CHARS_MAX: Final = 500
OPTION_CHARS_MAX: Final = 64
TOKENS_PER_PRICE: Final = 1_000_000


class Stop(StrEnum):
    """Why thinking ended. Cancellation is not here: it travels as `asyncio.CancelledError`."""

    FINAL_RESULT = "FINAL_RESULT"
    MAX_STEPS = "MAX_STEPS"
    BUDGET_LIMIT = "BUDGET_LIMIT"
    TIMEOUT = "TIMEOUT"
    INVALID_OPTION = "INVALID_OPTION"
    ABSTAINED = "ABSTAINED"
    MODEL_FAULT = "MODEL_FAULT"


class RationaleOrder(StrEnum):
    """Where in its answer the model says why."""

    BEFORE = "before"
    AFTER = "after"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Micros of the budget's currency for a million tokens, and the day (ISO 8601) somebody looked it up."""

    micros_per_million_in: int
    micros_per_million_out: int
    as_of: str

    def __post_init__(self) -> None:
        if self.micros_per_million_in < 0 or self.micros_per_million_out < 0:
            raise ValueError("a price is not negative")

    def micros(self, *, tokens_in: int, tokens_out: int) -> int:
        """What one call costs, rounded up."""
        return -(-(tokens_in * self.micros_per_million_in + tokens_out * self.micros_per_million_out) // TOKENS_PER_PRICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    steps_max: int
    tool_calls_max: int
    tokens_max: int  # prompt + completion, all calls together
    spend_micros_max: int | None
    wall_ms_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What the loop knows of a model."""

    name: str
    price: Price | None
    completion_tokens_max: int
    strict_schema: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCard:
    """What the loop and the model know of a tool: `slots` are those the model fills."""

    name: str
    description: str
    slots: Mapping[str, SlotSpec]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """All the agent is told. `deadline_s` is absolute, on the running loop's clock."""

    decision_id: str
    goal: str
    options: Mapping[str, str]  # option → what it means, in the order shown
    context: Mapping[str, object]
    reads: tuple[str, ...]
    tools: tuple[ToolCard, ...]
    models: tuple[ModelCard, ...]  # in order of preference
    rationale: RationaleOrder
    limits: Limits
    deadline_s: float
    traceparent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    steps: int = 0
    tool_calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    spend_micros: int = 0
    tokens_in_reserved: int = 0
    tokens_out_reserved: int = 0
    spend_reserved_micros: int = 0
    wall_ms: int = 0

    @property
    def tokens_reserved(self) -> int:
        return self.tokens_in_reserved + self.tokens_out_reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One tool call and the SHA-256 of the bytes it returned."""

    tool: str
    arguments_json: bytes
    result_sha256: bytes
    result_bytes: int
    ok: bool
    prefetched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How thinking ended. `option` is set only with FINAL_RESULT, or with INVALID_OPTION: what the model said, bounded."""

    stop: Stop
    option: str
    rationale: str
    detail: str  # for a person; no prompt, no payload
    evidence: tuple[Evidence, ...]
    usage: Usage
    model: str  # the last one asked, "" when none was
    transcript_sha256: bytes
