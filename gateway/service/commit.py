"""Commit: the only way a write leaves. Read `commit` from top to bottom; the stages do the work.

1. A replay never consults today's boundary.
2. Everything from T1 on is kept work: one forward, then a record, whether or not the caller is still there.
3. Before T1 a fault is an error that says "not forwarded". After T1 it is the outcome UNKNOWN, and recording goes on.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gateway.domain.asks import Refuse, Rejudge, Twin
from gateway.domain.boundary import Activation
from gateway.domain.commands import CommitCommand
from gateway.domain.facts import Facts
from gateway.domain.faults import PolicyFault, StoreFault
from gateway.domain.handoffs import Admitted, Answered, Denial, InProgress, Judged, Outcome
from gateway.domain.lifecycle import State
from gateway.domain.limits import REJUDGE_MAX
from gateway.domain.reasons import Reason
from gateway.domain.records import CommitRow, Note
from gateway.domain.refusal import Refusal
from gateway.domain.targets import TargetTerms
from gateway.domain.writes.commits import Authorised, Denied
from gateway.ports.host import Host
from gateway.ports.policy import PolicyEngine
from gateway.ports.store import Store
from gateway.ports.system import Clock, Ids
from gateway.service.doorkeeper import Doorkeeper
from gateway.service.keeper import Keeper, until_ended, wait_until
from gateway.stages.admit import admit_commit
from gateway.stages.authorise import authorise_commit, claim_of
from gateway.stages.forward import forward
from gateway.stages.judge import judge_commit
from gateway.stages.recall import recall_commit, replay_commit
from gateway.stages.settle import record_answer, settle_commit

_SETTLE_PAUSE_S = (0.05, 0.2, 1.0, 5.0)  # between tries of a T2; the last one repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One target: where to send, and what its answers may be taken for."""

    host: Host
    terms: TargetTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class Committer:
    store: Store
    policy: PolicyEngine
    ways: Mapping[str, Way]
    clock: Clock
    ids: Ids
    keeper: Keeper
    doorkeeper: Doorkeeper
    activation: Callable[[], Activation]
    unrecorded: Callable[[str], None]  # told the id of a commit whose T2 did not succeed at once

    async def commit(self, command: CommitCommand) -> Outcome | InProgress | Refusal:
        facts = await recall_commit(command, self.store)
        if not isinstance(facts, Facts):
            return facts  # a replay never consults today's boundary
        for _ in range(REJUDGE_MAX + 1):
            refusal = self.doorkeeper.enter(command.run.tenant)
            if refusal:
                return refusal
            kept, commit_id = None, self.ids.fresh()
            try:
                judged = await self._judge(command, facts)
                if isinstance(judged, Refusal):
                    return judged
                kept = self.keeper.keep(self._carry_out(judged, commit_id), name=f"commit {commit_id}")
            finally:
                if kept is None:
                    self.doorkeeper.leave(command.run.tenant)
            ended = await wait_until(kept, answer_by_s=command.patience.answer_by_s)
            match ended:
                case None:
                    return InProgress(commit_id)
                case Rejudge():
                    continue
                case Twin(id=twin_id):
                    return await replay_commit(twin_id, self.store)
                case _:
                    return ended
        raise PolicyFault("the verdict was too old at the door of the store, three times in a row")

    async def _judge(self, command: CommitCommand, facts: Facts) -> Judged | Denial | Refusal:
        admitted = admit_commit(command, facts, self.activation())
        if isinstance(admitted, Admitted):
            return await judge_commit(admitted, self.policy, self.clock, self.ids)
        return admitted

    async def _carry_out(self, judged: Judged | Denial, commit_id: str) -> Outcome | Refusal | Rejudge | Twin:
        """T1, the one forward, T2. Kept: nobody's cancellation reaches this."""
        try:
            way = self.ways[judged.admitted.action.target if isinstance(judged, Judged) else judged.action.target]
            send_by_s = self.clock.boot_s() + (way.terms.lease_ms - way.terms.send_margin_ms) / 1000  # taken before T1 is handed over (R2)
            claimed = await authorise_commit(judged, commit_id=commit_id, target=way.terms, store=self.store, ids=self.ids)
            match claimed:
                case Authorised(row):
                    assert isinstance(judged, Judged), "the guards deny what was denied before"
                    return await self._effect(row, judged.admitted.command.payload, send_by_s, way)
                case Denied(row):
                    return Outcome(row=row, response=b"", replayed=False)
                case Refuse(refusal):
                    return refusal
                case _:
                    return claimed
        finally:
            self.doorkeeper.leave(_tenant(judged))

    async def _effect(self, row: CommitRow, payload: bytes, send_by_s: float, way: Way) -> Outcome:
        """After T1 nothing is an error: should our own code break here, the answer is UNKNOWN, and the lease finds the row again."""
        effect = self.keeper.keep(self._forward_and_settle(row, payload, send_by_s, way), name=f"forward {row.commit_id}")
        await until_ended(effect)
        broken = effect.cancelled() or effect.exception() is not None
        return self._not_recorded(row) if broken else effect.result()

    async def _forward_and_settle(self, row: CommitRow, payload: bytes, send_by_s: float, way: Way) -> Outcome:
        answered = await forward(
            row, attempt_id=row.attempt_id, not_after_ms=row.not_after_ms, payload=payload, send_by_s=send_by_s, host=way.host, target=way.terms
        )
        return await self._settle(answered)

    async def _settle(self, answered: Answered) -> Outcome:
        """T2. The caller gets UNKNOWN when it does not succeed at once; the keeper goes on."""
        try:
            return await settle_commit(answered, self.store)
        except StoreFault:
            self.keeper.keep(self._settle_until_durable(answered), name=f"settle {answered.row.commit_id}")
            return self._not_recorded(answered.row)

    def _not_recorded(self, row: CommitRow) -> Outcome:
        """What is told when the outcome could not be recorded yet: unknown, held, being recorded. The operators hear of it as well."""
        self.unrecorded(row.commit_id)
        unknown = replace(row, state=State.UNKNOWN, notes=(Note(reason=Reason.OUTCOME_NOT_RECORDED),))
        return Outcome(row=unknown, response=b"", replayed=False)

    async def _settle_until_durable(self, answered: Answered) -> None:
        pauses = iter(_SETTLE_PAUSE_S)
        while self.store.ready():
            await asyncio.sleep(next(pauses, _SETTLE_PAUSE_S[-1]))
            try:
                await record_answer(answered, self.store)
            except StoreFault:
                continue
            return

    async def preview(self, command: CommitCommand) -> Authorised | Denied | Refusal:
        """Everything but the effect and the record. It asks the policy engine like any other, so it counts at the door."""
        facts = await recall_commit(command, self.store)
        if isinstance(facts, Refusal):
            return facts
        if isinstance(facts, Outcome):
            return Refusal(reason=Reason.IDEMPOTENCY_KEY_REUSED, message="this key has been used; GetCommit tells what came of it.")
        refusal = self.doorkeeper.enter(command.run.tenant)
        if refusal:
            return refusal
        try:
            return await self._try_out(command, facts)
        finally:
            self.doorkeeper.leave(command.run.tenant)

    async def _try_out(self, command: CommitCommand, facts: Facts) -> Authorised | Denied | Refusal:
        judged = await self._judge(command, facts)
        if isinstance(judged, Refusal):
            return judged
        target = judged.admitted.action.target if isinstance(judged, Judged) else judged.action.target
        found = await self.store.try_out(claim_of(judged, commit_id="preview", target=self.ways[target].terms, ids=self.ids))
        match found:
            case Authorised() | Denied():
                return found
            case Refuse(refusal):
                return refusal
            case Rejudge() | Twin():
                raise PolicyFault("the activation or the key changed while previewing; ask again")


def _tenant(judged: Judged | Denial) -> str:
    return (judged.admitted.command if isinstance(judged, Judged) else judged.command).run.tenant
