"""What a caller asked, in our words: made by the codec, complete, bounded, with its fingerprint."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.domain.fingerprint import Fingerprints
from gateway.domain.identity import Caller
from gateway.domain.records import KeyName, RunName


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the caller waits, on the running loop's clock. The story hands over before the first, and answers before the second."""

    hand_over_by_s: float
    answer_by_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitCommand:
    caller: Caller
    key: KeyName
    supersedes: str
    run: RunName
    step: str
    action: str
    decision_id: str
    payload: bytes
    expire_at_ms: int
    fingerprints: Fingerprints
    traceparent: str
    patience: Patience

    @property
    def same_as(self) -> Mapping[str, str]:
        return {"run_id": self.run.run_id, "workflow": self.run.workflow, "step": self.step, "action": self.action}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tighter:
    """The caller's own limits; 0: the step's."""

    steps_max: int
    tool_calls_max: int
    tokens_max: int
    spend_micros_max: int
    wall_ms_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideCommand:
    caller: Caller
    key: KeyName
    supersedes: str
    run: RunName
    step: str
    context: bytes
    allowed_options: tuple[str, ...]
    limits: Tighter
    fingerprints: Fingerprints
    traceparent: str
    patience: Patience
    deadline_s: float  # of the thinking itself

    @property
    def same_as(self) -> Mapping[str, str]:
        return {"run_id": self.run.run_id, "workflow": self.run.workflow, "step": self.step}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCommand:
    caller: Caller
    key: KeyName
    run: RunName
    step: str
    result: bytes
    fingerprints: Fingerprints
    patience: Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishCommand:
    caller: Caller
    key: KeyName
    run: RunName
    stop: str
    note: str
    fingerprints: Fingerprints
    patience: Patience
