"""Commits as a gateway makes them, T1 and T2, in runs that end, over a real store; without policy, host and wire, which no store slows down.

1. Ids are fresh: whoever goes on where somebody was interrupted makes others, and needs to know nothing of them.
2. Every commit is held against budgets of its run, its workflow and its tenant. Bodies are of the size that a small write has.
"""

import time
from dataclasses import dataclass
from typing import Final

from gateway.adapters.system import SystemIds
from gateway.domain.asks import Ask
from gateway.domain.boundary import Mode, RunTerms, Standing
from gateway.domain.budget import BudgetLimit, Cost, Ledger, Window
from gateway.domain.fingerprint import VERSION
from gateway.domain.halts import Reach
from gateway.domain.lifecycle import Event
from gateway.domain.reasons import RunStop
from gateway.domain.records import KeyName, KeySpace, RunName
from gateway.domain.writes.commits import AuthoriseCommit, Authorised, SettleCommit
from gateway.domain.writes.halts import Activate
from gateway.domain.writes.runs import FinishRun, RunFinished
from gateway.ports.store import Store
from gateway.ports.system import Clock

RUN_COMMITS: Final = 4
EXPIRE_MS: Final = 20_000  # beyond the lease; what has ended may be collected soon after
TENANT: Final = "acme"
WORKFLOW: Final = "activate_subscription"
_FINGERPRINTS: Final = {VERSION: bytes(range(32))}
_NEVER_S: Final = float("inf")
_PAYLOAD: Final = b'{"account":"team-12","plan":"team_pro","amount_micros":99000000,"currency":"USD"}'
_INPUT: Final = b'{"input":"' + b"x" * 700 + b'"}'
_ANSWER: Final = b'{"subscription":"sub_0123456789","plan":"team_pro","state":"active"}'
_TERMS: Final = RunTerms(
    steps_max=100,
    wall_ms_max=366 * 86_400_000,
    stops_run=frozenset(),
    budgets=(BudgetLimit(ledger=Ledger.WRITES, currency="", window=Window.TOTAL, limit=100),),
)
_DAILY: Final = (BudgetLimit(ledger=Ledger.WRITES, currency="", window=Window.DAY, limit=10**12),)
_STANDING: Final = Standing(tenants={TENANT: _DAILY}, workflows={WORKFLOW: _DAILY})
_COSTS: Final = (Cost(ledger=Ledger.WRITES, currency="", amount=1),)


@dataclass(frozen=True, slots=True)
class Spans:
    """How long each of the two took."""

    t1_s: float
    t2_s: float


class Maker:
    """Makes commits in one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock, self._ids = store, clock, SystemIds()

    async def begin(self) -> None:
        """Brings the limits into force; done already, it changes nothing."""
        await self._store.write(Activate(revision="bench", digest=bytes(32), standing=_STANDING), hand_over_by_s=_NEVER_S)

    def fresh_run(self) -> RunName:
        return RunName(TENANT, WORKFLOW, f"run-{self._ids.fresh()}")

    async def run(self) -> None:
        """One run from its first commit to its end."""
        run = self.fresh_run()
        for _ in range(RUN_COMMITS):
            await self.commit(run)
        await self.finish(run)

    async def commit(self, run: RunName) -> Spans:
        claim = self._claim(run)
        began_s = time.perf_counter()
        made = await self._store.write(claim, hand_over_by_s=_NEVER_S)
        authorised_s = time.perf_counter()
        assert isinstance(made, Authorised), made
        await self._store.write(_settling(made), hand_over_by_s=_NEVER_S)
        return Spans(authorised_s - began_s, time.perf_counter() - authorised_s)

    async def finish(self, run: RunName) -> None:
        key = KeyName(KeySpace.FINISH, run.tenant, f"{run.run_id}/finish".encode())
        finish = FinishRun(key=key, fingerprints=_FINGERPRINTS, run=run, stop=RunStop.FINAL_RESULT, note="", salt=b"")
        ended = await self._store.write(finish, hand_over_by_s=_NEVER_S)
        assert isinstance(ended, RunFinished), ended

    def fresh_key(self, run: RunName) -> KeyName:
        return KeyName(KeySpace.COMMIT, run.tenant, f"{run.run_id}/activate/{self._ids.fresh()}".encode())

    def _claim(self, run: RunName) -> AuthoriseCommit:
        reach = Reach(tenant=run.tenant, workflow=run.workflow, step="select_plan", run_id=run.run_id, action="activate_plan", target="billing")
        now_ms = self._clock.now_ms()
        ask = Ask(
            key=self.fresh_key(run), supersedes="", fingerprints=_FINGERPRINTS, same_as={}, caller="bench", run=run,
            terms=_TERMS, reach=reach, expire_at_ms=now_ms + EXPIRE_MS, activation_number=1, verdict_at_ms=0, denial=(), decision=None, costs=_COSTS,
        )  # fmt: skip
        return AuthoriseCommit(
            ask=ask, commit_id=self._ids.fresh(), attempt_id=self._ids.fresh(), action="activate_plan", target="billing", method="POST",
            path="/accounts/team-12/subscriptions", mode=Mode.DETERMINISTIC, payload=_PAYLOAD, judged_input=_INPUT, salt=b"s" * 22, verdict_id="v" * 22,
            revision="bench@0123456789ab", lease_ms=10_000, send_margin_ms=1_000, traceparent="",
        )  # fmt: skip


def _settling(made: Authorised) -> SettleCommit:
    return SettleCommit(
        commit_id=made.row.commit_id, attempt_id=made.row.attempt_id, event=Event.HOST_DID, notes=(), host_status=201, response=_ANSWER,
        response_truncated=False, for_every_attempt=False,
    )  # fmt: skip
