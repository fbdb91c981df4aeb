"""Runs: a step taken, a run finished, the trace of a run for a person who was not there.

What is read for one page of a trace is bounded by its lines and by its bytes: what hosts answered travels with it. The transport cuts it to the wire.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.domain.asks import Refuse
from gateway.domain.audit import Entry, EntryKind
from gateway.domain.boundary import Activation, Mode
from gateway.domain.commands import FinishCommand, StepCommand
from gateway.domain.limits import WIRE_BYTES_MAX
from gateway.domain.reasons import Reason, RunStop
from gateway.domain.records import DecisionRow, RunName
from gateway.domain.refusal import Refusal, malformed, undeclared
from gateway.domain.strict_json import NotStrict, scan
from gateway.domain.writes.runs import FinishRun, RecordStep, RunFinished, RunShown, ShowRun, StepTaken
from gateway.ports.store import Store, StoredCommit
from gateway.ports.system import Ids

_OF_COMMIT = frozenset({EntryKind.INTENT, EntryKind.OUTCOME, EntryKind.DENIAL, EntryKind.RESOLUTION, EntryKind.LATE_OUTCOME, EntryKind.RESENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceLine:
    """One entry with what it is about, as it stands now."""

    place: int
    entry: Entry
    commit: StoredCommit | None
    decision: DecisionRow | None
    result: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    shown: RunShown
    lines: tuple[TraceLine, ...]
    after: int  # place of the last line, 0 when there is no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    store: Store
    ids: Ids
    activation: Callable[[], Activation]

    async def record_step(self, command: StepCommand) -> StepTaken | Refusal:
        activation = self.activation()
        if command.run.tenant not in activation.boundary.tenants:
            return undeclared("tenant", command.run.tenant, [*activation.boundary.tenants])
        workflow = activation.boundary.workflows.get(command.run.workflow)
        if workflow is None:
            return undeclared("workflow", command.run.workflow, [*activation.boundary.workflows])
        step = workflow.steps.get(command.step)
        if step is None:
            return undeclared("step", command.step, [*workflow.steps])
        if step.mode is not Mode.DETERMINISTIC:
            return Refusal(reason=Reason.UNDECLARED, message=f'step "{step.name}" is agentic: Decide records it.', facts={"step": step.name})
        if command.result and isinstance(found := scan(command.result), NotStrict):
            return malformed("result", f"not strict JSON: {found.why} {found.where}".rstrip())
        taken = await self.store.write(
            RecordStep(
                key=command.key, fingerprints=command.fingerprints, caller=command.caller.name, run=command.run, terms=workflow.run,
                step=step.name, result=command.result, salt=self.ids.fresh().encode(), activation_number=activation.number,
                revision=activation.revision,
            ),
            hand_over_by_s=command.patience.hand_over_by_s,
        )  # fmt: skip
        return taken.refusal if isinstance(taken, Refuse) else taken

    async def finish(self, command: FinishCommand) -> RunFinished | Refusal:
        finished = await self.store.write(
            FinishRun(
                key=command.key, fingerprints=command.fingerprints, run=command.run, stop=RunStop(command.stop), note=command.note,
                salt=self.ids.fresh().encode(),
            ),
            hand_over_by_s=command.patience.hand_over_by_s,
        )  # fmt: skip
        return finished.refusal if isinstance(finished, Refuse) else finished

    async def trace(self, name: RunName, *, after: int, limit: int) -> Trace | Refusal:
        if not name.workflow:
            named = await self.store.runs_named(tenant=name.tenant, run_id=name.run_id)
            if len(named) > 1:
                return malformed("workflow", f"run {name.run_id} exists in {', '.join(one.workflow for one in named)}: name one")
            name = named[0] if named else name
        shown = await self.store.try_out(ShowRun(run=name))
        if shown is None:
            return Refusal(reason=Reason.NOT_FOUND, message="no such run: it is opened by its first Decide, Commit or RecordStep.")
        entries = await self.store.entries(name, after=after, limit=limit)
        lines: list[TraceLine] = []
        left = WIRE_BYTES_MAX
        for place, entry in entries:
            line = await self._line(place, entry)
            left -= _bytes_of(line)
            if left < 0 and lines:
                return Trace(shown=shown, lines=tuple(lines), after=lines[-1].place)
            lines.append(line)
        return Trace(shown=shown, lines=tuple(lines), after=entries[-1][0] if len(entries) == limit else 0)

    async def _line(self, place: int, entry: Entry) -> TraceLine:
        return TraceLine(
            place=place,
            entry=entry,
            commit=await self.store.commit(entry.subject_id) if entry.kind in _OF_COMMIT else None,
            decision=await self.store.decision(entry.subject_id) if entry.kind is EntryKind.DECISION else None,
            result=await self.store.step_result(entry.leaf_hash) if entry.kind is EntryKind.STEP_RECORDED else b"",
        )


def _bytes_of(line: TraceLine) -> int:
    """What grows without a small bound of its own: the rest of a line is a few KiB at most."""
    return len(line.entry.leaf) + len(line.result) + (len(line.commit.response) if line.commit else 0)
