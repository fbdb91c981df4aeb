"""Recall: one read. The key, the run, the decision, budgets, halts; and whether the key has answered already.

1. A replay never consults today's boundary: a retry of an ended request is answered from the record.
2. What is recalled is stale by the time it is used; T1 decides again under locks.
"""

from gateway.domain.asks import Refuse, Twin
from gateway.domain.commands import CommitCommand, DecideCommand
from gateway.domain.facts import Facts
from gateway.domain.guards import resolve_key
from gateway.domain.handoffs import Decided, Outcome
from gateway.domain.refusal import Refusal
from gateway.ports.store import Store


async def recall_commit(command: CommitCommand, store: Store) -> Facts | Outcome | Refusal:
    facts = await store.facts(key=command.key, run=command.run, decision_id=command.decision_id)
    match resolve_key(command, facts.key, facts.commit):
        case Twin(commit_id):
            return await replay_commit(commit_id, store)
        case Refuse(refusal):
            return refusal
        case None:
            return facts


async def replay_commit(commit_id: str, store: Store) -> Outcome:
    """The stored answer of a commit that exists."""
    stored = await store.commit(commit_id)
    assert stored is not None, "a key's generation has a row"
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


async def replay_decision(decision_id: str, store: Store) -> Decided:
    row = await store.decision(decision_id)
    assert row is not None, "a key's generation has a row"
    return Decided(row=row, replayed=True)
