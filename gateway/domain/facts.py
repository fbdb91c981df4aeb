"""What a story recalls about one request: one consistent read, already stale by the time it is used. T1 reads again, under locks."""

from dataclasses import dataclass

from gateway.domain.budget import NodeRow
from gateway.domain.records import CommitRow, DecisionRow, KeyRow, RunRow
from gateway.domain.rows import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a story recalls about one request, from one read."""

    key: KeyRow | None
    commit: CommitRow | None  # of the key's latest generation, in the space of commits
    decided: DecisionRow | None  # of the key's latest generation, in the space of decisions
    decision: DecisionRow | None  # the one the request names
    run: RunRow | None
    nodes: tuple[NodeRow, ...]  # newest window of every node of the run, its workflow and its tenant
    gate: Gate
    now_ms: int
