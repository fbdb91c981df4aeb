"""Settle: T2, one durable transaction. Compare-and-set, settle or release, response, OUTCOME.

1. It may be tried again until it is durable: the write is the same, and a terminal row does not change twice.
2. A T2 has no deadline: the caller may leave, the record may not.
3. What is told is what the record has. Where a re-send, a query or an operator may have ended the commit first, their answer is the one.
"""

from gateway.domain.handoffs import Answered, Concluded, Decided, Outcome
from gateway.domain.records import CommitRow
from gateway.domain.writes.commits import SettleCommit
from gateway.domain.writes.decisions import ConcludeThinking
from gateway.ports.store import Store

_NEVER_S = float("inf")


async def record_answer(answered: Answered, store: Store) -> CommitRow:
    """T2 alone: the row as it stands after it."""
    return await store.write(
        SettleCommit(
            commit_id=answered.row.commit_id, attempt_id=answered.attempt_id, event=answered.event,
            for_every_attempt=answered.for_every_attempt, notes=answered.notes,
            host_status=answered.host_status, response=answered.response, response_truncated=answered.response_truncated,
        ),
        hand_over_by_s=_NEVER_S,
    )  # fmt: skip


async def settle_commit(answered: Answered, store: Store) -> Outcome:
    row, response = await record_answer(answered, store), answered.response
    if row.attempts > 1 or row.resolved_by:
        stored = await store.commit(row.commit_id)
        row, response = (stored.row, stored.response) if stored else (row, b"")  # collected since: no answer is left
    return Outcome(row=row, response=response, replayed=False)


async def settle_decision(concluded: Concluded, store: Store) -> Decided:
    row = await store.write(
        ConcludeThinking(
            decision_id=concluded.decision_id, state=concluded.state, option=concluded.option, source=concluded.source, stop=concluded.stop,
            notes=concluded.notes, rationale=concluded.rationale, evidence=concluded.evidence, usage=concluded.usage,
            charge_reservation=False, agent_version=concluded.agent_version, transcript_sha256=concluded.transcript_sha256,
            stops_run=concluded.stops_run,
        ),
        hand_over_by_s=_NEVER_S,
    )  # fmt: skip
    return Decided(row=row, replayed=False)
