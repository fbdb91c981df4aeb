"""What T1 is asked: the same form for a write and for a thinking, so that one list of guards serves both."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.domain.boundary import RunTerms
from gateway.domain.budget import Cost, Hold, NodeRow
from gateway.domain.fingerprint import Fingerprints
from gateway.domain.halts import Reach
from gateway.domain.reasons import RunStop
from gateway.domain.records import KeyName, Note, RunName, RunRow
from gateway.domain.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionNeed:
    """The decision a write names, and the steps whose decision may carry it, with their digests in this activation."""

    decision_id: str
    steps: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    key: KeyName
    supersedes: str  # "" for a first request
    fingerprints: Fingerprints
    same_as: Mapping[str, str]  # what a superseding request may not change: run, workflow, step, action
    caller: str
    run: RunName
    terms: RunTerms
    reach: Reach
    expire_at_ms: int  # 0: never
    activation_number: int
    verdict_at_ms: int  # 0: no verdict was asked for
    denial: tuple[Note, ...]  # the no found before T1 by admit or by the verdict, which T1 records; empty: none
    decision: DecisionNeed | None
    costs: tuple[Cost, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Every guard admits. What is to be written: the run with one more step, the nodes with their holds."""

    run: RunRow
    nodes: tuple[NodeRow, ...]
    holds: tuple[Hold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deny:
    """Recorded and final for this generation. `stops_run` ends the run in the same transaction."""

    notes: tuple[Note, ...]
    stops_run: RunStop | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """No trace of the key."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Rejudge:
    """The verdict is too old, or of an activation below the store's minimum: ask again. No trace of the key."""

    why: str


@dataclass(frozen=True, slots=True)
class Twin:
    """Somebody has this very request: its commit or decision answers."""

    id: str


Finding = Admit | Deny | Refuse | Rejudge | Twin
