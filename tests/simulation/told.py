"""The product's answers and rows in the words of the reference model."""

from collections.abc import Sequence

from gateway.domain.asks import Refuse, Twin
from gateway.domain.conservation import Books
from gateway.domain.records import CommitRow, DecisionRow, RunName
from gateway.domain.writes.commits import Authorised, Denied
from gateway.domain.writes.decisions import ThinkingBegun, ThinkingDenied
from gateway.domain.writes.halts import Thrown
from gateway.domain.writes.resolutions import Resent
from gateway.domain.writes.runs import RunFinished, StepTaken
from gateway.ports.store import Store
from tests.simulation.asked import Answer, Place, Run, World

PAGE: int = 10_000


def said(reply: object) -> Answer | str | int | bool:
    match reply:
        case Authorised(row=row) | ThinkingBegun(row=row):
            return "AUTHORISED", _id(row)
        case Denied(row=row) | ThinkingDenied(row=row):
            return "DENIED", row.notes[0].reason
        case Refuse(refusal=refusal):
            return "REFUSED", refusal.reason
        case Twin(id=twin):
            return "TWIN", twin
        case CommitRow() | DecisionRow():
            return "", reply.state
        case StepTaken() | RunFinished():
            return _of_run(reply)
        case Thrown():
            return reply.in_flight
    return isinstance(reply, Resent)


def _id(row: CommitRow | DecisionRow) -> str:
    return row.commit_id if isinstance(row, CommitRow) else row.decision_id


def _of_run(reply: StepTaken | RunFinished) -> Answer:
    if isinstance(reply, StepTaken) and reply.notes:
        return "DENIED", reply.notes[0].reason
    return "TWIN" if reply.replayed else "AUTHORISED", str(reply.run.stop) if isinstance(reply, RunFinished) else ""


def world_of(books: Books) -> World:
    """Everything that has to be the same on both sides."""
    return World(
        states={
            **{row.commit_id: (str(row.state), row.attempts) for row in books.commits},
            **{row.decision_id: (str(row.state), 0) for row in books.decisions},
        },
        consumers={row.decision_id: row.consumed_by for row in books.decisions if row.consumed_by},
        runs={_run(row.name): (row.steps, str(row.stop or "")) for row in books.runs},
        balances={
            (Place(row.node.level, row.node.tenant, row.node.workflow, row.node.run_id, row.node.ledger), row.window_start_ms): (row.held, row.settled)
            for row in books.nodes if row.held or row.settled
        },
    )  # fmt: skip


async def kinds_of(store: Store, runs: Sequence[Run]) -> dict[Run, list[str]]:
    """What the record says of each run, in order."""
    return {run: [str(entry.kind) for _, entry in await store.entries(RunName(*run), after=0, limit=PAGE)] for run in runs}


def _run(name: RunName) -> Run:
    return Run(name.tenant, name.workflow, name.run_id)
