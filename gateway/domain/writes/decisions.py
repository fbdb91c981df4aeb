"""T1 and T2 of a decision.

1. The whole step is held before a model is called, and settled with what was used: tokens, money. The step itself counts at once.
2. A no at T1 is a decision STOPPED at once, recorded under its key.
3. A crash while thinking is found by its lease and becomes STOPPED with stop LOST, which charges the reservation.
"""

from dataclasses import asdict, dataclass

from gateway.domain.asks import Admit, Ask, Deny, Refuse, Rejudge, Twin
from gateway.domain.audit import EntryKind, movements, text_digest
from gateway.domain.budget import Hold, Ledger, Node, settle
from gateway.domain.change import replace
from gateway.domain.fingerprint import VERSION
from gateway.domain.guards import check
from gateway.domain.halts import not_halted_models
from gateway.domain.lifecycle import DECISION_MOVES, Thinking
from gateway.domain.reasons import DecideStop, Reason, RunStop
from gateway.domain.records import DecisionRow, EvidenceNote, Generation, Note, RunName, Usage
from gateway.domain.rows import Rows, Wants, Write
from gateway.domain.runs import open_run
from gateway.domain.thinking import calls_json
from gateway.domain.writes.commits import nodes_of
from gateway.domain.writes.runs import stop_run


@dataclass(frozen=True, slots=True)
class ThinkingBegun:
    """Held and durable: the agent may think."""

    row: DecisionRow


@dataclass(frozen=True, slots=True)
class ThinkingDenied:
    """STOPPED at once, durable."""

    row: DecisionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoriseThinking(Write[ThinkingBegun | ThinkingDenied | Refuse | Rejudge | Twin]):
    ask: Ask
    decision_id: str
    context: bytes
    salt: bytes
    verdict_id: str
    revision: str
    step_digest: bytes
    ttl_ms: int
    lease_ms: int  # longer than the step's wall clock

    def wants(self) -> Wants:
        return Wants(keys=(self.ask.key,), runs=(self.ask.run,))

    def nodes(self, rows: Rows) -> list[Node]:
        return nodes_of(self.ask, rows)

    def apply(self, rows: Rows) -> ThinkingBegun | ThinkingDenied | Refuse | Rejudge | Twin:
        match check(self.ask, rows):
            case Admit() as admit:
                rows.put_run(admit.run)
                for node in admit.nodes:
                    rows.put_node(node)
                row = replace(self._row(rows), holds=admit.holds, lease_until_ms=rows.now_ms + self.lease_ms)
                rows.bind(self.ask.key, Generation(row.decision_id, row.fingerprint, VERSION))
                rows.put_decision(row)
                return ThinkingBegun(row)
            case Deny() as deny:
                return ThinkingDenied(self._deny(rows, deny))
            case other:
                return other

    def _deny(self, rows: Rows, deny: Deny) -> DecisionRow:
        run = rows.runs.get(self.ask.run) or open_run(self.ask.run, self.ask.terms, rows.now_ms)
        rows.put_run(run)
        rows.count_denial(run.name.tenant)
        row = replace(self._row(rows), state=Thinking.STOPPED, stop=_stop_of(deny), notes=deny.notes, ended_at_ms=rows.now_ms, counted=False)
        rows.bind(self.ask.key, Generation(row.decision_id, row.fingerprint, VERSION))
        row = record_decision(rows, row)
        if deny.stops_run:
            stop_run(rows, run.name, deny.stops_run, note="")
        return row

    def _row(self, rows: Rows) -> DecisionRow:
        key, ask = rows.keys.get(self.ask.key), self.ask
        return DecisionRow(
            decision_id=self.decision_id, tenant=ask.run.tenant, caller=ask.caller, key=ask.key.key,
            generation=len(key.generations) + 1 if key else 1, run_id=ask.run.run_id, workflow=ask.run.workflow, step=ask.reach.step,
            fingerprint=ask.fingerprints[VERSION], state=Thinking.THINKING, option="", source="", stop=None, notes=(), evidence=(), usage=Usage(),
            holds=(), models=not_halted_models(ask.reach, rows.gate.halts), verdict_id=self.verdict_id,
            activation_number=ask.activation_number, revision=self.revision,
            step_digest=self.step_digest, agent_version="", transcript_sha256=b"", boot_id=rows.boot_id, lease_until_ms=0,
            created_at_ms=rows.now_ms, ended_at_ms=0, ttl_ms=self.ttl_ms, expire_at_ms=0, consumed_by="", entry_hash=b"",
            salt=self.salt, rationale="", context=self.context,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcludeThinking(Write[DecisionRow]):
    """T2 of a decision. A decision that has already ended (found LOST by its lease) stays as it is."""

    decision_id: str
    state: Thinking
    option: str
    source: str
    stop: DecideStop
    notes: tuple[Note, ...]
    rationale: str
    evidence: tuple[EvidenceNote, ...]
    usage: Usage
    charge_reservation: bool  # LOST: nobody knows what was used
    agent_version: str
    transcript_sha256: bytes
    stops_run: frozenset[str]

    def wants(self) -> Wants:
        return Wants(decisions=(self.decision_id,))

    def held(self, rows: Rows) -> list[tuple[str, int]]:
        row = rows.decisions.get(self.decision_id)
        return [(held.node.key, held.window_start_ms) for held in row.holds] if row else []

    def apply(self, rows: Rows) -> DecisionRow:
        row = rows.decisions[self.decision_id]
        if self.state not in DECISION_MOVES[row.state]:
            return row
        decided = self.state is Thinking.DECIDED
        ended = replace(
            row, state=self.state, option=self.option, source=self.source, stop=self.stop, notes=self.notes, rationale=self.rationale,
            evidence=self.evidence, usage=self.usage, holds=self._settle(rows, row.holds), agent_version=self.agent_version,
            transcript_sha256=self.transcript_sha256, ended_at_ms=rows.now_ms, lease_until_ms=0,
            expire_at_ms=rows.now_ms + row.ttl_ms if decided else 0,
        )  # fmt: skip
        recorded = record_decision(rows, ended)
        name = RunName(row.tenant, row.workflow, row.run_id)
        if not decided and self.stop in self.stops_run and name in rows.runs:
            stop_run(rows, name, RunStop(self.stop), note="")
        return recorded

    def _settle(self, rows: Rows, holds: tuple[Hold, ...]) -> tuple[Hold, ...]:
        used = {Ledger.TOKENS: self.usage.tokens_in + self.usage.tokens_out, Ledger.SPEND: self.usage.spend_micros}
        settled = []
        for held in holds:
            node = rows.nodes[held.node.key, held.window_start_ms]
            actual = held.amount if self.charge_reservation else used[held.node.ledger]
            moved, ended = settle(node, held, actual=actual)
            rows.put_node(moved)
            settled.append(ended)
        return tuple(settled)


def lost(decision_id: str) -> ConcludeThinking:
    """A thought whose process is gone: stopped, and charged what was reserved."""
    return ConcludeThinking(
        decision_id=decision_id, state=Thinking.STOPPED, option="", source="", stop=DecideStop.LOST, notes=(), rationale="", evidence=(),
        usage=Usage(), charge_reservation=True, agent_version="", transcript_sha256=b"", stops_run=frozenset(),
    )  # fmt: skip


def record_decision(rows: Rows, row: DecisionRow) -> DecisionRow:
    """Adds the DECISION entry and puts the row, which carries the entry's hash."""
    agreement = row.usage.agreement
    fields = {
        "decision": row.decision_id, "generation": row.generation, "caller": row.caller, "step": row.step, "mode": "agentic",
        "fingerprint": row.fingerprint, "state": row.state, "stop": row.stop, "option": row.option, "source": row.source,
        "reasons": [note.reason for note in row.notes], "policy_codes": [note.policy_code for note in row.notes if note.policy_code],
        "verdict": row.verdict_id, "activation": row.activation_number, "revision": row.revision, "budgets": movements(row.holds),
        "steps": row.usage.steps, "tool_calls": row.usage.tool_calls, "tokens_in": row.usage.tokens_in, "tokens_out": row.usage.tokens_out,
        "spend_micros": row.usage.spend_micros, "model": row.usage.model, "agent_version": row.agent_version,
        "transcript_digest": row.transcript_sha256, "context_digest": text_digest(row.salt, row.context),
        "rationale_digest": text_digest(row.salt, row.rationale.encode()),
        "evidence": [{"tool": one.tool, "sha256": one.result_sha256.hex(), "ok": one.ok, "cached": one.cached, "note": one.note} for one in row.evidence],
        "calls_digest": text_digest(row.salt, calls_json(row.usage.calls)), "agreement": asdict(agreement) if agreement else None,
    }  # fmt: skip
    name = RunName(row.tenant, row.workflow, row.run_id)
    recorded = replace(row, entry_hash=rows.record(EntryKind.DECISION, run=name, subject_id=row.decision_id, fields=fields))
    rows.put_decision(recorded)
    return recorded


def _stop_of(deny: Deny) -> DecideStop:
    note = deny.notes[0]
    match note.reason:
        case Reason.HALTED:
            return DecideStop.HALTED
        case Reason.BUDGET_EXHAUSTED:
            return DecideStop.MAX_STEPS if note.facts.get("ledger") == Ledger.STEPS else DecideStop.BUDGET_LIMIT
        case Reason.RUN_STOPPED:
            return _OF_RUN[RunStop(note.facts["stop"])]
        case _:
            return DecideStop.POLICY_DENIAL


_OF_RUN = {
    RunStop.MAX_STEPS: DecideStop.MAX_STEPS,
    RunStop.BUDGET_LIMIT: DecideStop.BUDGET_LIMIT,
    RunStop.TIMEOUT: DecideStop.TIMEOUT,
    RunStop.POLICY_DENIAL: DecideStop.POLICY_DENIAL,
    RunStop.HALTED: DecideStop.HALTED,
    RunStop.FINAL_RESULT: DecideStop.CANCELLED,
    RunStop.FAILED: DecideStop.CANCELLED,
}
