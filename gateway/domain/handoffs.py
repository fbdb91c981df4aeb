"""What one stage hands to the next. Each is made by one stage and taken by the next, so the order of the stages is checked by the type checker.

Commit: CommitCommand → Recalled → Admitted → Judged → Authorised → Answered → Outcome. A `Denial` goes round judging and is recorded by T1.
Decide: DecideCommand → Recalled → Admissible → Permitted → ThinkingBegun → Concluded → Verdict on the wire.
"""

from dataclasses import dataclass

from gateway.domain.boundary import Action, Activation, Step, Workflow
from gateway.domain.budget import Cost
from gateway.domain.commands import CommitCommand, DecideCommand
from gateway.domain.facts import Facts
from gateway.domain.lifecycle import Event, Thinking
from gateway.domain.reasons import DecideStop
from gateway.domain.records import CommitRow, DecisionRow, EvidenceNote, Note, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a commit's caller is told."""

    row: CommitRow
    response: bytes
    replayed: bool


@dataclass(frozen=True, slots=True)
class InProgress:
    """Handed to the store, not answered in time: the keeper goes on."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Declared, strict, readable: worth a policy question."""

    command: CommitCommand
    facts: Facts
    activation: Activation
    workflow: Workflow
    step: Step
    action: Action
    path: str
    costs: tuple[Cost, ...]
    decision: DecisionRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A no found by admit or by the verdict. Goes on to T1, which records it."""

    command: CommitCommand
    activation: Activation
    workflow: Workflow
    step: Step
    action: Action
    path: str
    notes: tuple[Note, ...]
    judged_input: bytes  # b"" when no policy was asked
    verdict_id: str
    verdict_at_ms: int  # 0 when no policy was asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The policy allows it, under the activation that `admitted` carries."""

    admitted: Admitted
    judged_input: bytes
    verdict_id: str
    verdict_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came of sending: the host's answer, already classified."""

    row: CommitRow
    attempt_id: str
    event: Event
    for_every_attempt: bool  # a no that stands for the other attempts of the key as well
    notes: tuple[Note, ...]
    host_status: int
    response: bytes
    response_truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Admissible:
    """A step that may think: declared, its context valid, its options narrowed, its limits tightened."""

    command: DecideCommand
    facts: Facts
    activation: Activation
    workflow: Workflow
    step: Step
    context: dict[str, object]
    options: dict[str, str]
    costs: tuple[Cost, ...]
    steps_max: int
    tool_calls_max: int
    tokens_max: int
    spend_micros_max: int
    wall_ms_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """What the decide policy said: `notes` is empty when it allows."""

    admissible: Admissible
    notes: tuple[Note, ...]
    verdict_id: str
    verdict_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """How thinking ended, checked against the options; not yet recorded."""

    decision_id: str
    state: Thinking
    option: str
    source: str
    stop: DecideStop
    notes: tuple[Note, ...]
    rationale: str
    evidence: tuple[EvidenceNote, ...]
    usage: Usage
    agent_version: str
    transcript_sha256: bytes
    stops_run: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a decision's caller is told: also of one that stopped."""

    row: DecisionRow
    replayed: bool
