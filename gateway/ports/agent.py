"""The bounded agent: it gets a brief, it thinks inside limits, it hands back a thought. It cannot write.

1. Every end of thinking is a `Thought`; hitting a limit is a value. Cancellation stops the model call and still leaves usage in `meter`.
2. Nothing in a brief is a credential; tools and models are named, and resolved by the adapter from the settings.
3. The proposal inside a thought is untrusted until `stages.think` has checked it against the options of the brief.
4. What was said is digested always; word for word it is told to `meter.hear`, where somebody listens.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.domain.reasons import DecideStop
from gateway.domain.thinking import Agreement, Earlier, ModelCall


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkLimits:
    steps_max: int
    tool_calls_max: int
    tokens_max: int  # prompt + completion, all calls together
    spend_micros_max: int
    wall_ms_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """All an agent is told."""

    decision_id: str
    goal: str
    options: Mapping[str, str]  # option → what it means, in the order shown
    context: Mapping[str, object]  # validated against the step's schema
    reads: tuple[str, ...]  # tools fetched before the first model call, arguments from the context
    tools: tuple[str, ...]  # tools the model may call
    models: tuple[str, ...]  # in order of preference
    rationale: str  # "before" | "after" | "none"
    limits: ThinkLimits
    deadline_s: float  # absolute, running loop's clock
    traceparent: str
    earlier: tuple[Earlier, ...] = ()  # decisions of the same run that the step names
    votes: int = 1  # ballots over permuted option orders, inside the same limits
    agreement_min: int = 1  # ballots that one option needs
    run: str = ""  # unique among the runs of all tenants; what a tool says stays fresh is remembered within it, "" remembers nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One tool call and the digest of what it returned."""

    tool: str
    arguments_json: bytes
    result_sha256: bytes
    result_bytes: int
    ok: bool
    prefetched: bool  # a `read`, made before the first model call
    cached: bool = False  # from memory: the same read was made before, in this decision or this run
    note: str = ""  # what is wrong with it, for a person; bounded, quotes nothing


@dataclass(slots=True, kw_only=True)
class Meter:
    """What has been used so far. Written by the agent as it goes, so that a cancelled thought can still be settled."""

    steps: int = 0
    tool_calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    spend_micros: int = 0
    tokens_reserved: int = 0  # of the call in flight, settled when it returns
    spend_reserved_micros: int = 0
    evidence: list[Evidence] = field(default_factory=list)
    calls: list[ModelCall] = field(default_factory=list)  # those that have ended
    model: str = ""  # the last one asked
    agent_version: str = ""
    transcript_sha256: bytes = b""  # so far
    hear: Callable[[str, bytes], None] | None = None  # told every part of the transcript, with its label, as it is digested


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """How thinking ended. `option` is set only with stop FINAL_RESULT (or INVALID_OPTION: what it said, bounded)."""

    stop: DecideStop
    option: str
    rationale: str  # at most 500 characters, untrusted text
    detail: str  # for a person: which limit, which fault; no payload, no prompt
    evidence: tuple[Evidence, ...]
    steps: int
    tool_calls: int
    tokens_in: int
    tokens_out: int
    spend_micros: int
    wall_ms: int
    model: str
    agent_version: str
    transcript_sha256: bytes
    calls: tuple[ModelCall, ...] = ()
    agreement: Agreement | None = None  # with several ballots
    facts: Mapping[str, str] = field(default_factory=dict)  # with BUDGET_LIMIT: ledger, asked, left, limit; or why and model


class Thinker(Protocol):
    async def think(self, brief: Brief, meter: Meter) -> Thought: ...

    def spend_known(self, models: tuple[str, ...]) -> bool:
        """True when every named model has a price; false where a money limit must answer UNPRICED_MODEL."""
        ...

    def seats(self, model: str) -> int:
        """How many thinkings this model takes at once: those it answers and those that may wait for a turn."""
        ...
