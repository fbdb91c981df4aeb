"""The kill switch and the activation: both move the gate that every T1 reads under a lock."""

from dataclasses import dataclass

from gateway.domain.asks import Refuse
from gateway.domain.audit import EntryKind, text_digest
from gateway.domain.boundary import Standing
from gateway.domain.budget import Hold
from gateway.domain.change import replace
from gateway.domain.halts import Halt, HaltScope, Reach, covers
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.reasons import Reason
from gateway.domain.records import CommitRow, DecisionRow, RunName
from gateway.domain.refusal import Refusal
from gateway.domain.rows import ActivationRow, Rows, Wants, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Thrown:
    """A halt, and what was under way in its scope at that instant."""

    halt: Halt
    in_flight: int
    unknown: int
    thinking: tuple[str, ...]  # decision ids
    held: tuple[Hold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrowHalt(Write[Thrown]):
    halt_id: str
    scope: HaltScope
    reason: str
    principal: str
    salt: bytes

    def wants(self) -> Wants:
        return Wants(open_work=True)

    def apply(self, rows: Rows) -> Thrown:
        halt = Halt(
            halt_id=self.halt_id, scope=self.scope, reason=self.reason, principal=self.principal, thrown_at_ms=rows.now_ms,
            lifted_at_ms=0, lifted_by="", lift_reason="", salt=self.salt,
        )  # fmt: skip
        rows.put_halt(halt)
        _record(rows, EntryKind.HALT, halt, by=self.principal, why=text_digest(self.salt, self.reason.encode()))
        commits = [row for row in rows.commits.values() if covers(self.scope, reach_of_commit(row))]
        thinking = [row for row in rows.decisions.values() if row.state is Thinking.THINKING and covers(self.scope, reach_of_decision(row))]
        held = [held for row in commits if row.state in _HOLDING for held in row.holds] + [held for row in thinking for held in row.holds]
        return Thrown(
            halt=halt,
            in_flight=sum(row.state is State.FORWARDING for row in commits),
            unknown=sum(row.state is State.UNKNOWN for row in commits),
            thinking=tuple(row.decision_id for row in thinking),
            held=tuple(held),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftHalt(Write[Halt | Refuse]):
    halt_id: str
    reason: str
    principal: str
    salt: bytes

    def wants(self) -> Wants:
        return Wants(halts=(self.halt_id,))

    def apply(self, rows: Rows) -> Halt | Refuse:
        halt = rows.halts.get(self.halt_id)
        if halt is None:
            return Refuse(Refusal(reason=Reason.NOT_FOUND, message="no such halt; `countersign halts` lists them."))
        if halt.lifted_at_ms:
            return halt
        lifted = replace(halt, lifted_at_ms=rows.now_ms, lifted_by=self.principal, lift_reason=self.reason, lift_salt=self.salt)
        rows.put_halt(lifted)
        _record(rows, EntryKind.RESUME, lifted, by=self.principal, why=text_digest(self.salt, self.reason.encode()))
        return lifted


@dataclass(frozen=True, slots=True, kw_only=True)
class Activate(Write[ActivationRow]):
    """Brings an activation into force under the next number; the one already in force keeps its own."""

    revision: str
    digest: bytes
    standing: Standing

    def wants(self) -> Wants:
        return Wants()

    def apply(self, rows: Rows) -> ActivationRow:
        now = rows.gate.activation
        if now is not None and (now.digest, now.revision) == (self.digest, self.revision):
            return now
        row = ActivationRow(
            number=now.number + 1 if now else 1, revision=self.revision, digest=self.digest, standing=self.standing, activated_at_ms=rows.now_ms
        )
        rows.put_activation(row, minimum_number=rows.gate.minimum_number)
        fields = {"activation": row.number, "revision": row.revision, "digest": row.digest}
        rows.record(EntryKind.ACTIVATED, run=_NO_RUN, subject_id=str(row.number), fields=fields)
        return row


def reach_of_commit(row: CommitRow) -> Reach:
    return Reach(tenant=row.tenant, workflow=row.workflow, step=row.step, run_id=row.run_id, action=row.action, target=row.target)


def reach_of_decision(row: DecisionRow) -> Reach:
    return Reach(tenant=row.tenant, workflow=row.workflow, step=row.step, run_id=row.run_id, models=row.models)


def _record(rows: Rows, kind: EntryKind, halt: Halt, *, by: str, why: str) -> None:
    scope = halt.scope
    fields = {
        "halt": halt.halt_id, "by": by, "why_digest": why, "scope_step": scope.step, "scope_action": scope.action,
        "scope_target": scope.target, "scope_model": scope.model,
    }  # fmt: skip
    rows.record(kind, run=RunName(scope.tenant, scope.workflow, scope.run_id), subject_id=halt.halt_id, fields=fields)


_NO_RUN = RunName("", "", "")
_HOLDING = frozenset({State.FORWARDING, State.UNKNOWN})
