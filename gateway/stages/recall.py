"""Recall: one read. The key, the run, the decision, budgets, halts; and whether the key has answered already.

1. A replay never consults today's boundary: a retry of an ended request is answered from the record.
2. What is recalled is stale by the time it is used; T1 decides again under locks.
"""

import json

from gateway.domain.asks import Refuse, Twin
from gateway.domain.audit import EntryKind
from gateway.domain.commands import CommitCommand, DecideCommand
from gateway.domain.facts import Facts
from gateway.domain.guards import resolve_key, retired
from gateway.domain.handoffs import Decided, Outcome
from gateway.domain.lifecycle import Thinking
from gateway.domain.records import DecisionRow, RunName
from gateway.domain.refusal import Refusal
from gateway.domain.thinking import Earlier
from gateway.ports.store import Store

_PAGE = 500


async def recall_commit(command: CommitCommand, store: Store) -> Facts | Outcome | Refusal:
    facts = await store.facts(key=command.key, run=command.run, decision_id=command.decision_id)
    match resolve_key(command, facts.key, facts.commit):
        case Twin(commit_id):
            return await replay_commit(commit_id, store)
        case Refuse(refusal):
            return refusal
        case None:
            return facts


async def replay_commit(commit_id: str, store: Store) -> Outcome | Refusal:
    """The stored answer of a generation of a key; it may have been collected, before its key was or since that was looked at."""
    stored = await store.commit(commit_id)
    if stored is None:
        return retired()
    return Outcome(row=stored.row, response=stored.response, replayed=True)


async def recall_decision(command: DecideCommand, store: Store) -> Facts | Decided | Refusal:
    facts = await store.facts(key=command.key, run=command.run, decision_id="")
    match resolve_key(command, facts.key, facts.decided):
        case Twin(decision_id):
            return await replay_decision(decision_id, store)
        case Refuse(refusal):
            return refusal
        case None:
            return facts


async def replay_decision(decision_id: str, store: Store) -> Decided | Refusal:
    """As `replay_commit`, of a decision."""
    row = await store.decision(decision_id)
    return retired() if row is None else Decided(row=row, replayed=True)


async def recall_earlier(row: DecisionRow, steps: tuple[str, ...], store: Store) -> tuple[Earlier, ...]:
    """The latest decision of each of these steps in the run of `row`, as the record has it, in the order of `steps`; those without one are left out."""
    found: dict[str, Earlier] = {}
    after, pages_end = 0, not steps
    while not pages_end:
        page = await store.entries(RunName(row.tenant, row.workflow, row.run_id), after=after, limit=_PAGE)
        for place, entry in page:
            after = place
            leaf = json.loads(entry.leaf) if entry.kind is EntryKind.DECISION else {}
            if leaf.get("step") in steps and leaf.get("state") == Thinking.DECIDED:
                found[leaf["step"]] = Earlier(step=leaf["step"], option=leaf["option"], source=leaf["source"])
        pages_end = len(page) < _PAGE
    return tuple(found[step] for step in steps if step in found)
