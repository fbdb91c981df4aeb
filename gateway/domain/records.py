"""The rows that a store keeps: commits, decisions, runs, keys. Values; moving one makes another.

1. Times are Unix milliseconds, 0 for "not yet". Ids are opaque. Nothing here is a payload: bodies are kept apart (`Body`).
2. A reason travels as a `Note`: the code, bounded facts, the policy's code; free text (`detail`) never enters a leaf.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.budget import BudgetLimit, Hold
from gateway.domain.fingerprint import Fingerprints
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.reasons import DecideStop, Reason, RunStop
from gateway.domain.thinking import Agreement, ModelCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One cause of an answer."""

    reason: Reason
    facts: Mapping[str, str] = field(default_factory=dict)
    policy_code: str = ""
    detail: str = ""  # for a person; may quote payload values, so it is stored apart from the leaf
    retry_after_ms: int = 0


class KeySpace(StrEnum):
    """Each has its own keys: the same bytes in two spaces are two keys."""

    COMMIT = "commit"
    DECIDE = "decide"
    STEP = "step"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class KeyName:
    space: KeySpace
    tenant: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Generation:
    """One request that a key was bound to."""

    id: str  # commit id, decision id, or the entry's hash in hex
    fingerprint: bytes
    fingerprint_version: int

    def is_of(self, fingerprints: Fingerprints) -> bool:
        """Compared in its own version; in one that nobody here knows it is of nothing."""
        return fingerprints.get(self.fingerprint_version) == self.fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key and its generations, oldest first; none left means it was collected and is retired."""

    name: KeyName
    generations: tuple[Generation, ...]
    retired_at_ms: int = 0  # when it was collected

    @property
    def latest(self) -> Generation:
        return self.generations[-1]

    def successor_of(self, superseded_id: str) -> Generation | None:
        ids = [generation.id for generation in self.generations]
        place = ids.index(superseded_id) + 1 if superseded_id in ids else len(ids)
        return self.generations[place] if place < len(ids) else None

    def bound_to(self, fingerprints: Fingerprints) -> bool:
        """True when a generation has this fingerprint."""
        return any(one.is_of(fingerprints) for one in self.generations)

    def is_newer_than(self, fingerprints: Fingerprints) -> bool:
        """True when a generation was bound in a version that these do not have: whether it is of them cannot be told."""
        return any(one.fingerprint_version not in fingerprints for one in self.generations)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of a key that was collected: its hash, which only a store can tell from a key."""

    key_hash: bytes  # 32 bytes
    retired_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRow:
    commit_id: str
    tenant: str
    caller: str
    key: bytes
    generation: int
    run_id: str
    workflow: str
    step: str
    action: str
    target: str
    method: str
    path: str
    decision_id: str
    fingerprint: bytes
    state: State
    notes: tuple[Note, ...]
    holds: tuple[Hold, ...]
    verdict_id: str
    activation_number: int
    revision: str
    attempt_id: str  # the first attempt; re-sends have rows of their own
    boot_id: str
    attempts: int
    lease_until_ms: int  # of the latest attempt
    not_after_ms: int  # the greatest of every attempt
    host_status: int
    response_truncated: bool
    created_at_ms: int
    ended_at_ms: int
    expire_at_ms: int
    entry_hash: bytes
    traceparent: str
    looks: int = 0  # times the reconciler has asked
    look_at_ms: int = 0  # when it asks next
    look_until_ms: int = 0  # its lease
    resolved_by: str = ""  # operator's name, "query" or "resend"; "" when the first attempt's own answer ended it


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is kept apart from a commit's row: free text, erased together with its salt."""

    commit_id: str
    salt: bytes
    payload: bytes
    judged_input: bytes
    response: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One permission to send, owned by one process."""

    attempt_id: str
    commit_id: str
    number: int
    boot_id: str
    lease_until_ms: int
    not_after_ms: int
    made_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    steps: int = 0
    tool_calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    spend_micros: int = 0
    wall_ms: int = 0
    model: str = ""  # the last one asked
    calls: tuple[ModelCall, ...] = ()
    agreement: Agreement | None = None  # with several ballots


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceNote:
    tool: str
    result_sha256: bytes
    result_bytes: int
    ok: bool
    prefetched: bool
    cached: bool = False  # from memory: the same read was made before, in this decision or this run
    note: str = ""  # what is wrong with it, bounded; ours, quotes nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    decision_id: str
    tenant: str
    caller: str
    key: bytes
    generation: int
    run_id: str
    workflow: str
    step: str
    fingerprint: bytes
    state: Thinking
    option: str
    source: str  # "" | AGENT | FALLBACK
    stop: DecideStop | None
    notes: tuple[Note, ...]
    evidence: tuple[EvidenceNote, ...]
    usage: Usage
    holds: tuple[Hold, ...]
    models: tuple[str, ...]
    verdict_id: str
    activation_number: int
    revision: str
    step_digest: bytes
    agent_version: str
    transcript_sha256: bytes
    boot_id: str
    lease_until_ms: int
    created_at_ms: int
    ended_at_ms: int
    ttl_ms: int
    expire_at_ms: int
    consumed_by: str
    entry_hash: bytes
    salt: bytes
    rationale: str
    context: bytes
    counted: bool = True  # T1 admitted it: it is one of the run's steps


@dataclass(frozen=True, slots=True)
class RunName:
    tenant: str
    workflow: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    name: RunName
    opened_at_ms: int
    deadline_at_ms: int
    steps: int
    steps_max: int
    budgets: tuple[BudgetLimit, ...]
    stop: RunStop | None
    stopped_at_ms: int
    note: str
    note_salt: bytes = b""
    finish_key: bytes = b""  # the first FinishRun's, so that it can be retired with the run
    collected: int = 0  # of `steps`, those whose commit, decision or recorded step is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """Somebody's words, with the salt that the leaf's digest was made with."""

    words: str
    salt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """A recorded deterministic step."""

    entry_hash: bytes
    run: RunName
    key: bytes
    recorded_at_ms: int
    result: bytes
    salt: bytes
