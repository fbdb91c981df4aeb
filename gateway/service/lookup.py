"""Looking up commits: by id, by key, waiting for the end. *Not found* and *another tenant's* are the same answer."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from gateway.domain.handoffs import Outcome
from gateway.domain.identity import EVERY_TENANT
from gateway.domain.lifecycle import State
from gateway.domain.limits import WAITERS_MAX
from gateway.domain.reasons import Reason
from gateway.domain.records import CommitRow, KeyName, KeyRow
from gateway.domain.refusal import Refusal
from gateway.ports.store import Store, StoredCommit

_PAUSE_S_MIN, _PAUSE_S_MAX = 0.02, 0.5
_PASSED_OVER_MAX = 50  # pages


@dataclass(slots=True)
class Waiters:
    """How many callers wait, by tenant; a caller of every tenant counts under "*"."""

    count: Counter[str] = field(default_factory=Counter)

    def full(self, tenant: str) -> bool:
        """One tenant has half of the places at most."""
        return self.count.total() >= WAITERS_MAX or self.count[tenant] >= WAITERS_MAX // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    store: Store
    waiters: Waiters = field(default_factory=Waiters)

    async def commit(self, name: KeyName | str, *, tenant: str) -> Outcome | Refusal:
        """`name` is a commit id or a key; `tenant` is the caller's, "*" for every one."""
        found = await (self.store.commit(name) if isinstance(name, str) else self.store.commit_of_key(name))
        if isinstance(found, KeyRow):
            return Refusal(reason=Reason.KEY_RETIRED, message="this key was used, ended and collected; it never executes again.")
        if not isinstance(found, StoredCommit) or tenant not in {found.row.tenant, EVERY_TENANT}:
            return Refusal(reason=Reason.NOT_FOUND, message="no such commit. By key this means: nothing was taken under it, so the same key is safe to send.")
        return Outcome(row=found.row, response=found.response, replayed=True)

    async def listed(
        self, *, tenant: str, state: str, workflow: str, before: int, limit: int, created_before_ms: int
    ) -> tuple[list[tuple[int, CommitRow]], int]:  # fmt: skip
        """A page of commits, newest first, each with its place; and the place to go on from, 0 for none. `created_before_ms` 0 means any age.

        Younger ones are passed over, so many and no more: a page may be empty and have a next one.
        """
        rows: list[tuple[int, CommitRow]] = []
        for _ in range(_PASSED_OVER_MAX if created_before_ms else 1):
            found = await self.store.commits(tenant=tenant, state=state, workflow=workflow, before=before, limit=limit)
            rows = [(place, row) for place, row in found if not created_before_ms or row.created_at_ms < created_before_ms]
            before = found[-1][0] if len(found) == limit else 0
            if rows or not before:
                break
        return rows, before

    async def wait(self, name: KeyName | str, *, tenant: str, until_s: float) -> Outcome | Refusal:
        """As `commit`, once it has ended or the time has come. An UNKNOWN is waited for: it may be resolved."""
        if self.waiters.full(tenant):
            message = f"{self.waiters.count[tenant]} callers of this tenant are waiting here, of {WAITERS_MAX} in all; ask GetCommit instead."
            return Refusal(reason=Reason.OVERLOADED, message=message, retry_after_ms=1_000)
        self.waiters.count[tenant] += 1
        try:
            return await self._wait(name, tenant, until_s)
        finally:
            self.waiters.count[tenant] -= 1
            self.waiters.count += Counter()  # a tenant without waiters is not kept

    async def _wait(self, name: KeyName | str, tenant: str, until_s: float) -> Outcome | Refusal:
        loop, pause_s = asyncio.get_running_loop(), _PAUSE_S_MIN
        while True:
            found = await self.commit(name, tenant=tenant)
            left_s = until_s - loop.time()
            if isinstance(found, Refusal) or found.row.state not in {State.FORWARDING, State.UNKNOWN} or left_s <= 0:
                return found
            await asyncio.sleep(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _PAUSE_S_MAX)
