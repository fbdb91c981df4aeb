"""What ends an unknown, and what makes one: leases, the reconciler's looks and re-sends, an operator's word.

1. An expired lease means nobody knows: FORWARDING becomes UNKNOWN, never absent.
2. Nobody resolves to FAILED before `not_after` of every attempt plus skew: a stopped sender may wake (R4).
3. A re-send is a new attempt of the same key to a host that dedupes, written with RESENT before it is sent; the commit stays UNKNOWN.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.asks import Refuse
from gateway.domain.audit import EntryKind, text_digest
from gateway.domain.change import replace
from gateway.domain.halts import covers
from gateway.domain.identity import EVERY_TENANT
from gateway.domain.lifecycle import Event, State
from gateway.domain.limits import CLOCK_SKEW_MS
from gateway.domain.reasons import Reason
from gateway.domain.records import Attempt, CommitRow, Note, Spoken
from gateway.domain.refusal import Refusal, malformed
from gateway.domain.rows import Rows, Wants, Write
from gateway.domain.writes.commits import move_commit, places_held, record_commit
from gateway.domain.writes.halts import reach_of_commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt(Write[bool]):
    """A commit whose sender is gone becomes UNKNOWN. `earlier_boot`: this store has one gateway, and that boot was not ours."""

    commit_id: str
    earlier_boot: bool

    def wants(self) -> Wants:
        return Wants(commits=(self.commit_id,))

    def held(self, rows: Rows) -> list[tuple[str, int]]:
        return places_held(rows, self.commit_id)

    def apply(self, rows: Rows) -> bool:
        row = rows.commits.get(self.commit_id)
        if row is None or row.state is not State.FORWARDING:
            return False
        gone = rows.now_ms >= row.lease_until_ms or (self.earlier_boot and row.boot_id != rows.boot_id)
        if gone:
            move_commit(rows, replace(row, notes=(Note(reason=Reason.INTERRUPTED),)), Event.NOBODY_KNOWS, EntryKind.OUTCOME, {})
        return gone


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLook(Write[CommitRow | None]):
    """Leases an UNKNOWN commit to one reconciler. None: it has ended, or somebody is looking."""

    commit_id: str
    lease_ms: int

    def wants(self) -> Wants:
        return Wants(commits=(self.commit_id,))

    def apply(self, rows: Rows) -> CommitRow | None:
        row = rows.commits.get(self.commit_id)
        if row is None or row.state is not State.UNKNOWN or rows.now_ms < row.look_until_ms:
            return None
        claimed = replace(row, looks=row.looks + 1, look_until_ms=rows.now_ms + self.lease_ms)
        rows.put_commit(claimed)
        return claimed


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferLook(Write[CommitRow]):
    """Still unknown: look again later, or never (`after_ms` 0), which asks for an operator.

    `looked` is False where something kept the look from being one, a halt or a lease: it is given back, so that waiting never ends in giving up.
    """

    commit_id: str
    after_ms: int
    looked: bool

    def wants(self) -> Wants:
        return Wants(commits=(self.commit_id,))

    def apply(self, rows: Rows) -> CommitRow:
        row = rows.commits[self.commit_id]
        if row.state is not State.UNKNOWN:
            return row
        notes = row.notes
        if not self.after_ms and all(note.reason is not Reason.NEEDS_OPERATOR for note in notes):
            notes = (*notes, Note(reason=Reason.NEEDS_OPERATOR))
        looks = row.looks if self.looked else row.looks - 1
        deferred = replace(row, notes=notes, looks=looks, look_until_ms=0, look_at_ms=rows.now_ms + self.after_ms if self.after_ms else 0)
        rows.put_commit(deferred)
        return deferred


@dataclass(frozen=True, slots=True)
class Resent:
    """RESENT is durable: this process may send this attempt once."""

    row: CommitRow
    attempt: Attempt


class NotResent(StrEnum):
    """Why no attempt was made."""

    NOT_UNKNOWN = "NOT_UNKNOWN"  # it has ended, or its first attempt is under way
    LEASED = "LEASED"  # an attempt may still be under way
    FORGOTTEN = "FORGOTTEN"  # past what the host remembers: no re-send is safe any more
    HALTED = "HALTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResend(Write[Resent | NotResent]):
    """Makes one more attempt for a `dedupe` host, unless something forbids it."""

    commit_id: str
    attempt_id: str
    lease_ms: int
    send_margin_ms: int
    retention_ms: int  # how long the host remembers a key, by its declaration

    def wants(self) -> Wants:
        return Wants(commits=(self.commit_id,))

    def apply(self, rows: Rows) -> Resent | NotResent:
        row = rows.commits.get(self.commit_id)
        if row is None or row.state is not State.UNKNOWN:
            return NotResent.NOT_UNKNOWN
        if rows.now_ms < row.lease_until_ms:
            return NotResent.LEASED
        lease_until_ms = rows.now_ms + self.lease_ms
        remembered_until_ms = row.created_at_ms + self.retention_ms
        not_after_ms = min(lease_until_ms - self.send_margin_ms, remembered_until_ms)
        if not_after_ms <= rows.now_ms:
            return NotResent.FORGOTTEN
        if any(covers(halt.scope, reach_of_commit(row)) for halt in rows.gate.halts):
            return NotResent.HALTED
        attempt = Attempt(
            attempt_id=self.attempt_id, commit_id=row.commit_id, number=row.attempts + 1, boot_id=rows.boot_id,
            lease_until_ms=lease_until_ms, not_after_ms=not_after_ms, made_at_ms=rows.now_ms,
        )  # fmt: skip
        rows.dirty.attempts.append(attempt)
        again = replace(row, attempts=attempt.number, lease_until_ms=lease_until_ms, not_after_ms=max(row.not_after_ms, not_after_ms))
        return Resent(record_commit(rows, EntryKind.RESENT, again, {"attempt": attempt.attempt_id}), attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve(Write[CommitRow | Refuse]):
    """Ends an UNKNOWN by evidence: a query's answer (`by` "query") or an operator's (`by` the listener's caller)."""

    commit_id: str
    tenant: str  # of whoever asks; "*" for every tenant
    expected: State
    event: Event  # FOUND_DONE or FOUND_NOT_DONE
    by: str
    evidence: str
    salt: bytes
    host_status: int
    response: bytes

    def wants(self) -> Wants:
        return Wants(commits=(self.commit_id,))

    def held(self, rows: Rows) -> list[tuple[str, int]]:
        return places_held(rows, self.commit_id)

    def apply(self, rows: Rows) -> CommitRow | Refuse:
        row = rows.commits.get(self.commit_id)
        if row is None or self.tenant not in {row.tenant, EVERY_TENANT}:
            return Refuse(Refusal(reason=Reason.NOT_FOUND, message="no such commit; `countersign commits list --outcome UNKNOWN` lists what can be resolved."))
        if row.state is not self.expected or row.state is not State.UNKNOWN:
            return Refuse(malformed("expected", f"the commit is {row.state}, and only UNKNOWN is resolved; look again with `countersign commits show`"))
        may_fail_at_ms = row.not_after_ms + CLOCK_SKEW_MS
        if self.event is Event.FOUND_NOT_DONE and rows.now_ms < may_fail_at_ms:
            return Refuse(malformed("outcome", f"FAILED can be said {may_fail_at_ms - rows.now_ms} ms from now: a stopped sender may still wake and send"))
        if self.response:
            rows.dirty.responses[row.commit_id] = self.response
        if self.evidence:
            rows.dirty.evidence[row.commit_id] = Spoken(words=self.evidence, salt=self.salt)
        notes = () if self.event is Event.FOUND_DONE else row.notes
        resolved = replace(row, notes=notes, host_status=self.host_status or row.host_status, resolved_by=self.by)
        more: dict[str, object] = {"evidence_digest": text_digest(self.salt, self.evidence.encode())}
        return move_commit(rows, resolved, self.event, EntryKind.RESOLUTION, more)
