"""T1 and T2 of a commit.

1. T1 writes everything that sending needs, or a denial, or nothing. T2 is compare-and-set on the state.
2. A terminal row never changes: a late answer only appends an entry, and says so when it contradicts (R3, R4).
3. The record is part of the change: each move adds its entry in the same transaction (R9).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.domain.asks import Admit, Ask, Deny, Refuse, Rejudge, Twin
from gateway.domain.audit import EntryKind, movements, text_digest
from gateway.domain.boundary import Mode, Standing
from gateway.domain.budget import Hold, Node, release, settle
from gateway.domain.change import replace
from gateway.domain.fingerprint import VERSION
from gateway.domain.guards import asked_nodes, check
from gateway.domain.lifecycle import TERMINAL, Event, State, advance
from gateway.domain.reasons import Reason
from gateway.domain.records import Attempt, Body, CommitRow, Generation, Note, RunName
from gateway.domain.rows import Rows, Wants, Write
from gateway.domain.runs import open_run
from gateway.domain.writes.runs import stop_run


@dataclass(frozen=True, slots=True)
class Authorised:
    """T1 is durable: this process, and nobody else, may send once."""

    row: CommitRow


@dataclass(frozen=True, slots=True)
class Denied:
    """T1' is durable: recorded, final for this generation."""

    row: CommitRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoriseCommit(Write[Authorised | Denied | Refuse | Rejudge | Twin]):
    """T1. Times are the store's; `lease_ms` is longer than the host's timeouts and `send_margin_ms` together."""

    ask: Ask
    commit_id: str
    attempt_id: str
    action: str
    target: str
    method: str
    path: str
    mode: Mode
    payload: bytes
    judged_input: bytes
    salt: bytes
    verdict_id: str
    revision: str
    lease_ms: int
    send_margin_ms: int
    traceparent: str

    def wants(self) -> Wants:
        decisions = (self.ask.decision.decision_id,) if self.ask.decision else ()
        return Wants(keys=(self.ask.key,), decisions=decisions, runs=(self.ask.run,))

    def nodes(self, rows: Rows) -> list[Node]:
        return nodes_of(self.ask, rows)

    def apply(self, rows: Rows) -> Authorised | Denied | Refuse | Rejudge | Twin:
        match check(self.ask, rows):
            case Admit() as admit:
                return self._authorise(rows, admit)
            case Deny() as deny:
                return self._deny(rows, deny)
            case other:
                return other

    def _authorise(self, rows: Rows, admit: Admit) -> Authorised:
        lease_until_ms = rows.now_ms + self.lease_ms
        send_until_ms = lease_until_ms - self.send_margin_ms
        not_after_ms = min(self.ask.expire_at_ms, send_until_ms) if self.ask.expire_at_ms else send_until_ms
        row = self._row(rows, State.FORWARDING, holds=admit.holds, attempts=1, lease_until_ms=lease_until_ms, not_after_ms=not_after_ms)
        rows.put_run(admit.run)
        for node in admit.nodes:
            rows.put_node(node)
        if self.ask.decision:
            decision = rows.decisions[self.ask.decision.decision_id]
            rows.put_decision(replace(decision, consumed_by=row.commit_id))
        rows.dirty.attempts.append(Attempt(
            attempt_id=self.attempt_id, commit_id=row.commit_id, number=1, boot_id=rows.boot_id,
            lease_until_ms=lease_until_ms, not_after_ms=not_after_ms, made_at_ms=rows.now_ms,
        ))  # fmt: skip
        return Authorised(self._put(rows, EntryKind.INTENT, row))

    def _deny(self, rows: Rows, deny: Deny) -> Denied:
        run = rows.runs.get(self.ask.run) or open_run(self.ask.run, self.ask.terms, rows.now_ms)
        rows.put_run(run)
        rows.count_denial(run.name.tenant)
        row = self._row(rows, State.DENIED, notes=deny.notes, ended_at_ms=rows.now_ms)
        denied = Denied(self._put(rows, EntryKind.DENIAL, row))
        if deny.stops_run:
            stop_run(rows, run.name, deny.stops_run, note="")
        return denied

    def _row(
        self, rows: Rows, state: State, *, notes: tuple[Note, ...] = (), holds: tuple[Hold, ...] = (), attempts: int = 0,
        lease_until_ms: int = 0, not_after_ms: int = 0, ended_at_ms: int = 0,
    ) -> CommitRow:  # fmt: skip
        key, ask = rows.keys.get(self.ask.key), self.ask
        return CommitRow(
            commit_id=self.commit_id, tenant=ask.run.tenant, caller=ask.caller, key=ask.key.key,
            generation=len(key.generations) + 1 if key else 1, run_id=ask.run.run_id, workflow=ask.run.workflow, step=ask.reach.step,
            action=self.action, target=self.target, method=self.method, path=self.path,
            decision_id=ask.decision.decision_id if ask.decision else "", fingerprint=ask.fingerprints[VERSION], state=state, notes=notes, holds=holds,
            verdict_id=self.verdict_id, activation_number=ask.activation_number, revision=self.revision, attempt_id=self.attempt_id,
            boot_id=rows.boot_id, attempts=attempts, lease_until_ms=lease_until_ms, not_after_ms=not_after_ms, host_status=0,
            response_truncated=False, created_at_ms=rows.now_ms, ended_at_ms=ended_at_ms, expire_at_ms=ask.expire_at_ms, entry_hash=b"",
            traceparent=self.traceparent,
        )  # fmt: skip

    def _put(self, rows: Rows, kind: EntryKind, row: CommitRow) -> CommitRow:
        rows.bind(self.ask.key, Generation(row.commit_id, row.fingerprint, VERSION))
        body = Body(commit_id=row.commit_id, salt=self.salt, payload=self.payload, judged_input=self.judged_input, response=b"")
        rows.dirty.bodies[row.commit_id] = body
        more = {"mode": self.mode, "payload_digest": text_digest(self.salt, self.payload), "input_digest": text_digest(self.salt, self.judged_input)}
        return record_commit(rows, kind, row, more)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleCommit(Write[CommitRow]):
    """T2, or what a late answer means. `event` is what the host's answer to `attempt_id` was found to be.

    A yes to one attempt is a yes to the key. A no is one only `for_every_attempt`: where the host said it, and replays what it refused.
    """

    commit_id: str
    attempt_id: str
    event: Event
    for_every_attempt: bool
    notes: tuple[Note, ...]
    host_status: int
    response: bytes
    response_truncated: bool

    def wants(self) -> Wants:
        return Wants(commits=(self.commit_id,))

    def held(self, rows: Rows) -> list[tuple[str, int]]:
        return places_held(rows, self.commit_id)

    def apply(self, rows: Rows) -> CommitRow:
        row = rows.commits[self.commit_id]
        if row.state in TERMINAL:
            return self._late(rows, row)
        own = self.attempt_id == row.attempt_id
        if self._says_nothing_of_others() and (row.attempts > 1 or not own):
            return row  # re-sends exist only for an unknown
        if row.state is State.UNKNOWN and self.event is Event.NOBODY_KNOWS:
            return row
        answered = replace(
            row, notes=self.notes, host_status=self.host_status, response_truncated=self.response_truncated,
            resolved_by="" if own else "resend",
        )  # fmt: skip
        if self.response:
            rows.dirty.responses[row.commit_id] = self.response
        return move_commit(rows, answered, self.event, EntryKind.OUTCOME if row.state is State.FORWARDING else EntryKind.RESOLUTION, {})

    def _late(self, rows: Rows, row: CommitRow) -> CommitRow:
        if self.event is Event.NOBODY_KNOWS:
            return row
        said = State.SUCCEEDED if self.event is Event.HOST_DID else State.FAILED
        fields = {**commit_fields(row), "late": said, "host_status": self.host_status}
        of_another = self._says_nothing_of_others() and row.attempts > 1
        if said is not row.state and not of_another:
            fields["reasons"] = [Reason.OUTCOME_CONFLICT]
        rows.record(EntryKind.LATE_OUTCOME, run=run_of(row), subject_id=row.commit_id, fields=fields)
        return row

    def _says_nothing_of_others(self) -> bool:
        return self.event is Event.HOST_DID_NOT and not self.for_every_attempt


def move_commit(rows: Rows, row: CommitRow, event: Event, kind: EntryKind, more: Mapping[str, object]) -> CommitRow:
    """Moves a commit by the law, with its holds, its decision and its entry."""
    state = advance(row.state, event)
    assert state is not None, f"no move from {row.state} by {event}"
    ended = state in TERMINAL
    moved = replace(
        row, state=state, lease_until_ms=0, look_until_ms=0, ended_at_ms=rows.now_ms if ended else 0, look_at_ms=row.look_at_ms if ended else rows.now_ms,
        holds=_resolve(rows, row.holds, costs=state is State.SUCCEEDED) if ended else row.holds,
    )  # fmt: skip
    if state is State.FAILED and row.decision_id:
        decision = rows.decisions.get(row.decision_id)
        assert decision is not None, "a commit that consumed a decision brings its row along"
        rows.put_decision(replace(decision, consumed_by=""))
    return record_commit(rows, kind, moved, more)


def record_commit(rows: Rows, kind: EntryKind, row: CommitRow, more: Mapping[str, object]) -> CommitRow:
    """Adds the entry and puts the row, which carries the entry's hash."""
    entry_hash = rows.record(kind, run=run_of(row), subject_id=row.commit_id, fields={**commit_fields(row), **more})
    recorded = replace(row, entry_hash=entry_hash)
    rows.put_commit(recorded)
    return recorded


def commit_fields(row: CommitRow) -> dict[str, object]:
    """What a leaf says of a commit: codes, ids, digests and numbers."""
    return {
        "commit": row.commit_id, "generation": row.generation, "caller": row.caller, "step": row.step, "action": row.action,
        "target": row.target, "decision": row.decision_id, "fingerprint": row.fingerprint, "state": row.state,
        "reasons": [note.reason for note in row.notes], "policy_codes": [note.policy_code for note in row.notes if note.policy_code],
        "verdict": row.verdict_id, "activation": row.activation_number, "revision": row.revision, "budgets": movements(row.holds),
        "host_status": row.host_status, "attempts": row.attempts, "resolved_by": row.resolved_by,
    }  # fmt: skip


def run_of(row: CommitRow) -> RunName:
    return RunName(row.tenant, row.workflow, row.run_id)


def places_held(rows: Rows, commit_id: str) -> list[tuple[str, int]]:
    row = rows.commits.get(commit_id)
    return [(held.node.key, held.window_start_ms) for held in row.holds] if row else []


def nodes_of(ask: Ask, rows: Rows) -> list[Node]:
    run = rows.runs.get(ask.run)
    standing = rows.gate.activation.standing if rows.gate.activation else Standing(tenants={}, workflows={})
    return [node for _, _, node in asked_nodes(ask, run.budgets if run else ask.terms.budgets, standing)]


def _resolve(rows: Rows, holds: tuple[Hold, ...], *, costs: bool) -> tuple[Hold, ...]:
    resolved = []
    for held in holds:
        node = rows.nodes[held.node.key, held.window_start_ms]
        moved, ended = settle(node, held, actual=held.amount) if costs else release(node, held)
        rows.put_node(moved)
        resolved.append(ended)
    return tuple(resolved)
