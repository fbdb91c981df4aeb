"""Rows as a store would hold them, for stages that are asked without one."""

from gateway.domain.budget import NodeRow
from gateway.domain.facts import Facts
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.reasons import DecideStop
from gateway.domain.records import CommitRow, DecisionRow, KeyRow, RunName, RunRow, Usage
from gateway.domain.rows import Gate
from tests.fakes.activation import TENANT, WORKFLOW, activation
from tests.fakes.commands import NOW_MS

RUN = RunName(TENANT, WORKFLOW, "run-1")


def facts(
    *, key: KeyRow | None = None, commit: CommitRow | None = None, decided: DecisionRow | None = None, decision: DecisionRow | None = None,
    run: RunRow | None = None, nodes: tuple[NodeRow, ...] = (), now_ms: int = NOW_MS,
) -> Facts:  # fmt: skip
    gate = Gate(activation=None, minimum_number=0, halts=())
    return Facts(key=key, commit=commit, decided=decided, decision=decision, run=run, nodes=nodes, gate=gate, now_ms=now_ms)


def run_row(*, opened_at_ms: int = NOW_MS, wall_ms_max: int = 600_000, steps: int = 0, steps_max: int = 12) -> RunRow:
    return RunRow(
        name=RUN, opened_at_ms=opened_at_ms, deadline_at_ms=opened_at_ms + wall_ms_max, steps=steps, steps_max=steps_max, budgets=(), stop=None,
        stopped_at_ms=0, note="",
    )  # fmt: skip


def decision_row(decision_id: str, *, option: str = "basic", state: Thinking = Thinking.DECIDED, created_at_ms: int = NOW_MS) -> DecisionRow:
    """One that `select` made in run-1, with the digest the hand-built activation has."""
    digest = activation().boundary.workflows[WORKFLOW].steps["select"].digest
    decided = state is Thinking.DECIDED
    return DecisionRow(
        decision_id=decision_id, tenant=TENANT, caller="signup", key=b"D-1", generation=1, run_id=RUN.run_id, workflow=WORKFLOW, step="select",
        fingerprint=b"f", state=state, option=option if decided else "", source="AGENT" if decided else "",
        stop=DecideStop.FINAL_RESULT if decided else None, notes=(), evidence=(), usage=Usage(model="small"), holds=(), models=("small",), verdict_id="v-1",
        activation_number=1, revision="rev-1", step_digest=digest, agent_version="fake-1", transcript_sha256=bytes(32), boot_id="boot-1",
        lease_until_ms=0 if decided else created_at_ms + 30_000, created_at_ms=created_at_ms, ended_at_ms=created_at_ms if decided else 0, ttl_ms=900_000,
        expire_at_ms=created_at_ms + 900_000 if decided else 0, consumed_by="", entry_hash=b"", salt=b"salt", rationale="it fits", context=b"{}",
    )  # fmt: skip


def commit_row(commit_id: str = "c-1", *, state: State = State.FORWARDING, attempt_id: str = "a-1", fingerprint: bytes = b"f") -> CommitRow:
    return CommitRow(
        commit_id=commit_id, tenant=TENANT, caller="signup", key=b"K-1", generation=1, run_id=RUN.run_id, workflow=WORKFLOW, step="write",
        action="top_up", target="billing", method="PUT", path="/accounts/team-12/credits/7", decision_id="", fingerprint=fingerprint, state=state, notes=(),
        holds=(), verdict_id="v-1", activation_number=1, revision="rev-1", attempt_id=attempt_id, boot_id="boot-1", attempts=1,
        lease_until_ms=NOW_MS + 5_000, not_after_ms=NOW_MS + 3_000, host_status=0, response_truncated=False, created_at_ms=NOW_MS, ended_at_ms=0,
        expire_at_ms=NOW_MS + 600_000, entry_hash=b"", traceparent="",
    )  # fmt: skip
