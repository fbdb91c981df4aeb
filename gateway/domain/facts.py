"""What a story recalls about one request: one consistent read, already stale by the time it is used. T1 reads again, under locks."""

from dataclasses import dataclass

from gateway.domain.boundary import Standing
from gateway.domain.budget import Level, Node, NodeRow, node_at
from gateway.domain.records import CommitRow, DecisionRow, KeyRow, RunName, RunRow
from gateway.domain.rows import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a story recalls about one request, from one read."""

    key: KeyRow | None
    commit: CommitRow | None  # of the key's latest generation, in the space of commits
    decided: DecisionRow | None  # of the key's latest generation, in the space of decisions
    decision: DecisionRow | None  # the one the request names
    run: RunRow | None
    nodes: tuple[NodeRow, ...]  # newest window of every node with a limit, of the run, its workflow and its tenant; those that have moved
    gate: Gate
    now_ms: int


def nodes_in_scope(name: RunName, run: RunRow | None, gate: Gate) -> list[Node]:
    """Every budget node with a limit that a request of this run meets."""
    standing = gate.activation.standing if gate.activation else _NONE
    levels = (
        (Level.RUN, name.workflow, name.run_id, run.budgets if run else ()),
        (Level.WORKFLOW, name.workflow, "", standing.workflows.get(name.workflow, ())),
        (Level.TENANT, "", "", standing.tenants.get(name.tenant, ())),
    )
    return [
        node_at(level, name.tenant, workflow, run_id, limit.ledger, limit.currency, limit.window)
        for level, workflow, run_id, limits in levels for limit in limits
    ]  # fmt: skip


_NONE = Standing(tenants={}, workflows={})
