"""What the agent is given and what it gives back: plain frozen data, no credential, no library.

1. A limit is an integer with its unit in its name; `spend_micros_max` None means that no money limit applies.
2. `Usage` is what has been used and what is reserved for the call in flight; nothing is done before it is in there.
3. Every end of thinking is an `Ended`; a limit that is hit is a value.
4. Every model call is written down as a `ModelCall`, also one that came to nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from agent.tools.spec import SlotSpec

AGENT_VERSION: Final = "1.2.0"  # of prompts, step schema and parser together; recorded with every decision

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


class CallOutcome(StrEnum):
    """What one model call came to."""

    DECIDED = "DECIDED"  # it named something; whether that is one of the options is another question
    ABSTAINED = "ABSTAINED"
    TOOL_CALLED = "TOOL_CALLED"
    MALFORMED = "MALFORMED"
    TRUNCATED = "TRUNCATED"  # cut off by length, and paid for
    REFUSED = "REFUSED"
    FAULTED = "FAULTED"  # no usable answer came


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
class Earlier:
    """A decision made before in the same run: names alone, so that no words of one thinking steer the next."""

    step: str
    option: str
    source: str  # AGENT or FALLBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """All the agent is told. `deadline_s` is absolute, on the running loop's clock.

    `votes` ballots are cast inside the same limits; fewer than `agreement_min` for one option amount to none.
    """

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
    earlier: tuple[Earlier, ...] = ()
    votes: int = 1
    agreement_min: int = 1


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
    """One tool call and the SHA-256 of the bytes it returned. `note` is ours: what is wrong with it, "" when nothing is."""

    tool: str
    arguments_json: bytes
    result_sha256: bytes
    result_bytes: int
    ok: bool
    prefetched: bool
    cached: bool = False  # from memory: no server was asked this time
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One model call: what was asked of whom, what came of it, what it used."""

    ballot: int  # from 1
    model: str
    outcome: CallOutcome
    option: str  # with DECIDED, where it is one of the options; "" else
    position: int  # of that option in the order shown, from 1; 0 without one
    detail: str  # why it was not accepted, or what was seen of the fault; bounded, may quote the server
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
class Progress:
    """What has been done and used so far, told before the next thing is done."""

    usage: Usage
    evidence: tuple[Evidence, ...]
    calls: tuple[ModelCall, ...]
    model: str  # the last one asked, "" when none was
    transcript_sha256: bytes  # so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How thinking ended. `option` is set only with FINAL_RESULT, or with INVALID_OPTION: what the model said, bounded.

    `facts` say which limit was hit, with BUDGET_LIMIT: ledger, asked, left, limit; or the model without a price.
    """

    stop: Stop
    option: str
    rationale: str
    detail: str  # for a person; no prompt, no payload
    evidence: tuple[Evidence, ...]
    usage: Usage
    model: str  # the last one asked, "" when none was
    transcript_sha256: bytes
    calls: tuple[ModelCall, ...] = ()
    agreement: Agreement | None = None  # with several ballots
    facts: Mapping[str, str] = field(default_factory=dict)
