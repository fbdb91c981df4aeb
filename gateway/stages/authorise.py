"""Authorise: T1, one durable transaction. Either everything sending needs is on disk, or a denial is, or nothing is.

1. This stage only says what is asked; the guards decide over locked rows, and the store makes it durable.
2. Nothing after this stage may fail towards the caller: from here on silence is a state.
"""

from gateway.domain.asks import Ask, DecisionNeed, Refuse, Rejudge, Twin
from gateway.domain.budget import Cost
from gateway.domain.halts import Reach
from gateway.domain.handoffs import Denial, Judged, Permitted
from gateway.domain.targets import TargetTerms
from gateway.domain.writes.commits import AuthoriseCommit, Authorised, Denied
from gateway.domain.writes.decisions import AuthoriseThinking, ThinkingBegun, ThinkingDenied
from gateway.ports.store import Store
from gateway.ports.system import Ids

_LEASE_BEYOND_WALL_MS = 10_000  # settling and recording, after the last model call has been cancelled


async def authorise_commit(
    judged: Judged | Denial, *, commit_id: str, target: TargetTerms, store: Store, ids: Ids
) -> Authorised | Denied | Refuse | Rejudge | Twin:
    """Raises `StoreFault`: not taken, and this commit id will never be sent."""
    command = judged.admitted.command if isinstance(judged, Judged) else judged.command
    return await store.write(claim_of(judged, commit_id=commit_id, target=target, ids=ids), hand_over_by_s=command.patience.hand_over_by_s)


def claim_of(judged: Judged | Denial, *, commit_id: str, target: TargetTerms, ids: Ids) -> AuthoriseCommit:
    """What T1 is asked; PreviewCommit asks the same and writes nothing."""
    of = judged.admitted if isinstance(judged, Judged) else judged
    command, activation, workflow, step, action = of.command, of.activation, of.workflow, of.step, of.action
    need = DecisionNeed(decision_id=command.decision_id, steps=workflow.decider_digests(action.name)) if command.decision_id else None
    costs: tuple[Cost, ...] = judged.admitted.costs if isinstance(judged, Judged) else ()
    ask = Ask(
        key=command.key, supersedes=command.supersedes, fingerprints=command.fingerprints,
        same_as=command.same_as, caller=command.caller.name, run=command.run, terms=workflow.run,
        reach=Reach(
            tenant=command.run.tenant, workflow=workflow.name, step=step.name, run_id=command.run.run_id, action=action.name, target=action.target
        ),
        expire_at_ms=command.expire_at_ms, activation_number=activation.number, verdict_at_ms=judged.verdict_at_ms,
        denial=() if isinstance(judged, Judged) else judged.notes, decision=need, costs=costs,
    )  # fmt: skip
    return AuthoriseCommit(
        ask=ask, commit_id=commit_id, attempt_id=ids.fresh(), action=action.name, target=action.target, method=action.method, path=of.path,
        mode=step.mode, payload=command.payload, judged_input=judged.judged_input, salt=ids.fresh().encode(), verdict_id=judged.verdict_id,
        revision=activation.revision, lease_ms=target.lease_ms, send_margin_ms=target.send_margin_ms, traceparent=command.traceparent,
    )  # fmt: skip


async def authorise_step(permitted: Permitted, *, decision_id: str, store: Store, ids: Ids) -> ThinkingBegun | ThinkingDenied | Refuse | Rejudge | Twin:
    """Holds the whole step before a model is called. Raises `StoreFault`: not taken, and nobody will think under this id."""
    of = permitted.admissible
    command, activation, workflow, step = of.command, of.activation, of.workflow, of.step
    ask = Ask(
        key=command.key, supersedes=command.supersedes, fingerprints=command.fingerprints,
        same_as=command.same_as, caller=command.caller.name, run=command.run, terms=workflow.run,
        reach=Reach(tenant=command.run.tenant, workflow=workflow.name, step=step.name, run_id=command.run.run_id, models=step.models),
        expire_at_ms=0, activation_number=activation.number, verdict_at_ms=permitted.verdict_at_ms, denial=permitted.notes, decision=None,
        costs=of.costs,
    )  # fmt: skip
    write = AuthoriseThinking(
        ask=ask, decision_id=decision_id, context=command.context, salt=ids.fresh().encode(), verdict_id=permitted.verdict_id,
        revision=activation.revision, step_digest=step.digest, ttl_ms=step.decision_ttl_ms, lease_ms=of.wall_ms_max + _LEASE_BEYOND_WALL_MS,
    )  # fmt: skip
    return await store.write(write, hand_over_by_s=command.patience.hand_over_by_s)
