"""The kill switch, and an operator's word on an unknown.

1. After `throw` returns, nothing in scope is admitted, and what was thinking in scope has been cut off; also when its caller has left meanwhile.
2. An operator of one tenant lifts and resolves what is that tenant's; anything else is not found.
"""

import asyncio
from dataclasses import dataclass

from gateway.domain.asks import Refuse
from gateway.domain.halts import Halt, HaltScope
from gateway.domain.handoffs import Outcome
from gateway.domain.identity import EVERY_TENANT, Caller
from gateway.domain.lifecycle import Event, State
from gateway.domain.reasons import DecideStop, Reason
from gateway.domain.refusal import Refusal
from gateway.domain.writes.halts import LiftHalt, ThrowHalt, Thrown
from gateway.domain.writes.resolutions import Resolve
from gateway.ports.store import Store
from gateway.ports.system import Ids
from gateway.service.decide import Decider


@dataclass(frozen=True, slots=True, kw_only=True)
class Halts:
    store: Store
    ids: Ids
    decider: Decider

    async def throw(self, scope: HaltScope, *, reason: str, caller: Caller, hand_over_by_s: float) -> Thrown:
        write = ThrowHalt(halt_id=self.ids.fresh(), scope=scope, reason=reason, principal=caller.name, salt=self.ids.fresh().encode())
        return await asyncio.shield(self.decider.keeper.keep(self._throw(write, hand_over_by_s), name=f"halt {write.halt_id}"))

    async def _throw(self, write: ThrowHalt, hand_over_by_s: float) -> Thrown:
        thrown = await self.store.write(write, hand_over_by_s=hand_over_by_s)
        self.decider.stop_thinking(thrown.thinking, DecideStop.HALTED)
        return thrown

    async def lift(self, halt_id: str, *, reason: str, caller: Caller, hand_over_by_s: float) -> Halt | Refusal:
        if caller.tenant != EVERY_TENANT and not await self._is_of(caller.tenant, halt_id):
            return Refusal(reason=Reason.NOT_FOUND, message="no such halt in this tenant; one that covers more is lifted where every tenant is served.")
        write = LiftHalt(halt_id=halt_id, reason=reason, principal=caller.name, salt=self.ids.fresh().encode())
        lifted = await self.store.write(write, hand_over_by_s=hand_over_by_s)
        return lifted.refusal if isinstance(lifted, Refuse) else lifted

    async def _is_of(self, tenant: str, halt_id: str) -> bool:
        """A halt's scope never changes, so this may be read before the write."""
        return any(halt.halt_id == halt_id and halt.scope.tenant == tenant for halt in await self.store.halts(include_lifted=True))

    async def resolve(self, commit_id: str, *, done: bool, evidence: str, caller: Caller, hand_over_by_s: float) -> Outcome | Refusal:
        """Ends an UNKNOWN by the operator's evidence; the principal is the listener's caller."""
        write = Resolve(
            commit_id=commit_id, tenant=caller.tenant, expected=State.UNKNOWN, event=Event.FOUND_DONE if done else Event.FOUND_NOT_DONE,
            by=caller.name, evidence=evidence, salt=self.ids.fresh().encode(), host_status=0, response=b"",
        )  # fmt: skip
        resolved = await self.store.write(write, hand_over_by_s=hand_over_by_s)
        return resolved.refusal if isinstance(resolved, Refuse) else Outcome(row=resolved, response=b"", replayed=False)
