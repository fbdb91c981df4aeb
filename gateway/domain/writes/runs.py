"""Runs: a deterministic step taken, a run finished, a run whose wall clock ran out.

1. A run stops once; whoever comes later gets the stop it has.
2. RecordStep and FinishRun carry keys of their own: the same key and content is the same answer.
"""

from dataclasses import dataclass

from gateway.domain.asks import Refuse
from gateway.domain.audit import EntryKind, text_digest
from gateway.domain.boundary import RunTerms
from gateway.domain.budget import BudgetLimit, Level, Node, NodeRow, current
from gateway.domain.change import replace
from gateway.domain.fingerprint import VERSION, Fingerprints
from gateway.domain.guards import bound_by_a_newer
from gateway.domain.reasons import Reason, RunStop
from gateway.domain.records import Generation, KeyName, KeyRow, Note, RunName, RunRow, StepRow
from gateway.domain.refusal import Refusal
from gateway.domain.rows import Rows, Wants, Write
from gateway.domain.runs import has_room, open_run, too_many_open, why_closed


def stop_run(rows: Rows, name: RunName, stop: RunStop, *, note: str, note_salt: bytes = b"") -> RunRow:
    """Ends an open run and records it; a run already stopped stays as it is."""
    run = rows.runs[name]
    if run.stop is not None:
        return run
    stopped = replace(run, stop=stop, stopped_at_ms=rows.now_ms, note=note, note_salt=note_salt)
    rows.put_run(stopped)
    fields = {"stop": stop, "steps": run.steps, "steps_max": run.steps_max, "note_digest": text_digest(note_salt, note.encode())}
    rows.record(EntryKind.RUN_STOPPED, run=name, subject_id=name.run_id, fields=fields)
    return stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTaken:
    """`notes` is empty when the step was counted."""

    entry_hash: bytes
    steps_left: int
    replayed: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStep(Write[StepTaken | Refuse]):
    key: KeyName
    fingerprints: Fingerprints
    caller: str
    run: RunName
    terms: RunTerms
    step: str
    result: bytes
    salt: bytes
    activation_number: int
    revision: str

    def wants(self) -> Wants:
        return Wants(keys=(self.key,), runs=(self.run,))

    def apply(self, rows: Rows) -> StepTaken | Refuse:
        run = rows.runs.get(self.run)
        row = rows.keys.get(self.key)
        if row is not None:
            left = run.steps_max - run.steps if run else 0
            return same_content(row, self.fingerprints) or StepTaken(entry_hash=bytes.fromhex(row.latest.id), steps_left=left, replayed=True, notes=())
        if run is None:
            if not has_room(rows.open_runs.get(self.run.tenant, 0)):
                return Refuse(too_many_open())
            run = open_run(self.run, self.terms, rows.now_ms)
        closed = why_closed(run, rows.now_ms)
        if closed:
            note, stop = closed
            rows.put_run(run)
            if stop:
                stop_run(rows, run.name, stop, note="")
            return StepTaken(entry_hash=b"", steps_left=max(0, run.steps_max - run.steps), replayed=False, notes=(note,))
        return self._count(rows, run)

    def _count(self, rows: Rows, run: RunRow) -> StepTaken:
        counted = replace(run, steps=run.steps + 1)
        rows.put_run(counted)
        fields = {
            "caller": self.caller, "step": self.step, "mode": "deterministic", "steps": counted.steps,
            "result_digest": text_digest(self.salt, self.result), "activation": self.activation_number, "revision": self.revision,
        }  # fmt: skip
        entry_hash = rows.record(EntryKind.STEP_RECORDED, run=self.run, subject_id=self.step, fields=fields)
        rows.dirty.steps[entry_hash] = StepRow(
            entry_hash=entry_hash, run=self.run, key=self.key.key, recorded_at_ms=rows.now_ms, result=self.result, salt=self.salt
        )
        rows.bind(self.key, Generation(entry_hash.hex(), self.fingerprints[VERSION], VERSION))
        return StepTaken(entry_hash=entry_hash, steps_left=counted.steps_max - counted.steps, replayed=False, notes=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One budget in its window of now, with its limit."""

    row: NodeRow
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunShown:
    run: RunRow
    budgets: tuple[Balance, ...]  # its own, in the order they are declared


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRun(Write[RunShown | None]):
    """A run as it stands, with its budgets, from one state of the store. Made to be tried out: it changes nothing."""

    run: RunName

    def wants(self) -> Wants:
        return Wants(runs=(self.run,))

    def nodes(self, rows: Rows) -> list[Node]:
        return _own_nodes(rows.runs.get(self.run))

    def apply(self, rows: Rows) -> RunShown | None:
        run = rows.runs.get(self.run)
        return RunShown(run=run, budgets=_balances(rows, run)) if run else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    run: RunRow
    budgets: tuple[Balance, ...]
    replayed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRun(Write[RunFinished | Refuse]):
    key: KeyName
    fingerprints: Fingerprints
    run: RunName
    stop: RunStop
    note: str
    salt: bytes

    def wants(self) -> Wants:
        return Wants(keys=(self.key,), runs=(self.run,))

    def nodes(self, rows: Rows) -> list[Node]:
        return _own_nodes(rows.runs.get(self.run))

    def apply(self, rows: Rows) -> RunFinished | Refuse:
        run, row = rows.runs.get(self.run), rows.keys.get(self.key)
        other = same_content(row, self.fingerprints) if row else None
        if other is not None:
            return other
        if run is None:
            return Refuse(Refusal(reason=Reason.NOT_FOUND, message="no such run: it is opened by its first Decide, Commit or RecordStep."))
        if row is not None:
            return RunFinished(run=run, budgets=_balances(rows, run), replayed=True)
        already = run.stop is not None
        stopped = stop_run(rows, self.run, self.stop, note=self.note, note_salt=self.salt)
        if not stopped.finish_key:
            stopped = replace(stopped, finish_key=self.key.key)
            rows.put_run(stopped)
        rows.bind(self.key, Generation(self.run.run_id, self.fingerprints[VERSION], VERSION))
        return RunFinished(run=stopped, budgets=_balances(rows, stopped), replayed=already)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOutRun(Write[bool]):
    """The sweeper's: ends a run whose wall clock has run out. True when it did."""

    run: RunName

    def wants(self) -> Wants:
        return Wants(runs=(self.run,))

    def apply(self, rows: Rows) -> bool:
        run = rows.runs.get(self.run)
        if run is None or run.stop is not None or rows.now_ms < run.deadline_at_ms:
            return False
        stop_run(rows, self.run, RunStop.TIMEOUT, note="")
        return True


def same_content(row: KeyRow, fingerprints: Fingerprints) -> Refuse | None:
    """None when the key is bound to this very content."""
    if not row.generations:
        return Refuse(Refusal(reason=Reason.KEY_RETIRED, message="this key was used, ended and collected; it never executes again."))
    if row.is_newer_than(fingerprints):
        return Refuse(bound_by_a_newer())
    if row.bound_to(fingerprints):
        return None
    return Refuse(Refusal(reason=Reason.IDEMPOTENCY_KEY_REUSED, message="this key is bound to other content; use another key for another call."))


def _own_nodes(run: RunRow | None) -> list[Node]:
    return [_node(run, limit) for limit in run.budgets] if run else []


def _balances(rows: Rows, run: RunRow) -> tuple[Balance, ...]:
    placed = [(limit, _node(run, limit)) for limit in run.budgets]
    return tuple(Balance(row=current(rows.newest_node(node), node, rows.now_ms), limit=limit.limit) for limit, node in placed)


def _node(run: RunRow, limit: BudgetLimit) -> Node:
    name = run.name
    return Node(Level.RUN, name.tenant, name.workflow, name.run_id, limit.ledger, limit.currency, limit.window)
