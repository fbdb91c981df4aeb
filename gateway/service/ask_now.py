"""Reconcile now: an operator asks about one unknown commit, instead of waiting for its turn.

1. It is the reconciler's own look, leased and counted like any other; nothing is settled that it would not settle.
2. It is kept work: the operator may leave, what was asked is recorded.
3. An operator of one tenant asks about what is that tenant's; anything else is not found.
"""

import asyncio
from dataclasses import dataclass

from gateway.domain.handoffs import Outcome
from gateway.domain.identity import Caller
from gateway.domain.lifecycle import State
from gateway.domain.refusal import Refusal
from gateway.service.keeper import Keeper
from gateway.service.lookup import Lookup
from gateway.service.reconcile import Reconciler


@dataclass(frozen=True, slots=True)
class Asked:
    """The commit as it stands now. `asked` False: nobody was asked, for it had ended, is in flight, or is being asked about."""

    outcome: Outcome
    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskNow:
    reconciler: Reconciler
    lookup: Lookup
    keeper: Keeper

    async def reconcile(self, commit_id: str, *, caller: Caller) -> Asked | Refusal:
        found = await self.lookup.commit(commit_id, tenant=caller.tenant)
        if isinstance(found, Refusal):
            return found
        if found.row.state is not State.UNKNOWN:
            return Asked(found, asked=False)
        asked = await asyncio.shield(self.keeper.keep(self.reconciler.look(commit_id), name=f"reconcile {commit_id}"))
        after = await self.lookup.commit(commit_id, tenant=caller.tenant)
        return after if isinstance(after, Refusal) else Asked(after, asked=asked)
