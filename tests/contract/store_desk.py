"""The desk at which a store takes its exam: one store on a clock that stands still, and short ways to ask what a gateway asks of it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeVar

from gateway.adapters.store.sqlite import SqliteStore
from gateway.domain.asks import Ask, DecisionNeed, Refuse, Rejudge, Twin
from gateway.domain.boundary import Mode, RunTerms, Standing
from gateway.domain.budget import BudgetLimit, Cost, Hold, HoldState, Ledger, NodeRow, Window
from gateway.domain.conservation import discrepancies
from gateway.domain.fingerprint import VERSION
from gateway.domain.halts import Reach
from gateway.domain.lifecycle import Event, State, Thinking
from gateway.domain.reasons import DecideStop, Reason
from gateway.domain.records import CommitRow, DecisionRow, EvidenceNote, KeyName, KeySpace, Note, RunName, Usage
from gateway.domain.rows import ActivationRow, Write
from gateway.domain.writes.commits import AuthoriseCommit, Authorised, Denied, SettleCommit
from gateway.domain.writes.decisions import AuthoriseThinking, ConcludeThinking, ThinkingBegun, ThinkingDenied
from gateway.domain.writes.halts import Activate
from gateway.ports.store import Store
from gateway.ports.system import Ids
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds
from tests.fakes.store import MemoryStore

Reply = TypeVar("Reply")

FOREVER_S: Final = float("inf")
TENANT: Final = "acme"
WORKFLOW: Final = "onboarding"
ELSEWHERE: Final = "offboarding"
RUN: Final = RunName(TENANT, WORKFLOW, "run-1")
DIGEST: Final = b"d" * 32
LEASE_MS: Final = 5_000
MARGIN_MS: Final = 500
EXPIRES_IN_MS: Final = 600_000
AMPLE: Final = RunTerms(steps_max=1_000, wall_ms_max=3_600_000, stops_run=frozenset(), budgets=())
THRIFTY: Final = Usage(steps=2, tool_calls=1, tokens_in=300, tokens_out=50, spend_micros=120, wall_ms=40, model="small")

CommitReply = Authorised | Denied | Refuse | Rejudge | Twin
ThinkingReply = ThinkingBegun | ThinkingDenied | Refuse | Rejudge | Twin


class Seat(Protocol):
    """Where a store comes from, and how the next process finds what this one left."""

    async def open(self, clock: FakeClock, ids: Ids) -> Store: ...

    async def reopen(self, store: Store, clock: FakeClock, ids: Ids) -> Store: ...


class MemorySeat:
    async def open(self, clock: FakeClock, ids: Ids) -> Store:
        return MemoryStore(clock=clock, boot_id=ids.fresh())

    async def reopen(self, store: Store, clock: FakeClock, ids: Ids) -> Store:
        assert isinstance(store, MemoryStore)
        store.restart(ids.fresh())
        return store


class SqliteSeat:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "store.db"

    async def open(self, clock: FakeClock, ids: Ids) -> Store:
        return await SqliteStore.open(self._path, ids=ids, clock=clock, reserve_bytes=0)

    async def reopen(self, store: Store, clock: FakeClock, ids: Ids) -> Store:
        await store.close()
        return await self.open(clock, ids)


@dataclass(slots=True)
class Desk:
    """Everything a test of the exam needs. Amounts are counts of the ledger `writes` unless a test says otherwise."""

    store: Store
    seat: Seat
    clock: FakeClock = field(default_factory=FakeClock)
    ids: Ids = field(default_factory=CountingIds)
    terms: RunTerms = AMPLE

    async def write(self, write: Write[Reply]) -> Reply:
        return await self.store.write(write, hand_over_by_s=FOREVER_S)

    async def together(self, writes: Sequence[Write[Reply]]) -> list[Reply]:
        """All in one turn of the loop: what a store batches, it batches here."""
        return await asyncio.gather(*(self.write(write) for write in writes))

    async def reopen(self) -> None:
        self.store = await self.seat.reopen(self.store, self.clock, self.ids)

    async def activate(self, *, tenant: Sequence[BudgetLimit] = (), workflow: Sequence[BudgetLimit] = (), revision: str = "r-1") -> ActivationRow:
        standing = Standing(
            tenants={TENANT: tuple(tenant)} if tenant else {}, workflows=dict.fromkeys((WORKFLOW, ELSEWHERE), tuple(workflow)) if workflow else {}
        )
        return await self.write(Activate(revision=revision, digest=revision.encode(), standing=standing))

    def ask(
        self, key: str | bytes, *, space: KeySpace = KeySpace.COMMIT, run: RunName = RUN, costs: Sequence[Cost] = (), supersedes: str = "",
        content: str = "content", expire_at_ms: int | None = None, activation_number: int = 1, verdict_at_ms: int = 0, denial: Sequence[Note] = (),
        decision_id: str = "", terms: RunTerms | None = None, steps: Mapping[str, bytes] | None = None, models: tuple[str, ...] = (),
        step: str = "activate", action: str = "activate_plan",
    ) -> Ask:  # fmt: skip
        commits = space is KeySpace.COMMIT
        reach = Reach(
            tenant=run.tenant, workflow=run.workflow, step=step, run_id=run.run_id, action=action if commits else "", target="billing" if commits else "",
            models=models,
        )  # fmt: skip
        same_as = {"run_id": run.run_id, "workflow": run.workflow, "step": step} | ({"action": action} if commits else {})
        return Ask(
            key=KeyName(space, run.tenant, key if isinstance(key, bytes) else key.encode()), supersedes=supersedes,
            fingerprints={VERSION: content.encode().ljust(32, b".")}, same_as=same_as, caller="signup", run=run,
            terms=terms or self.terms, reach=reach, expire_at_ms=self.clock.now_ms() + EXPIRES_IN_MS if expire_at_ms is None else expire_at_ms,
            activation_number=activation_number, verdict_at_ms=verdict_at_ms, denial=tuple(denial),
            decision=DecisionNeed(decision_id=decision_id, steps=steps or {"select_plan": DIGEST}) if decision_id else None, costs=tuple(costs),
        )  # fmt: skip

    def claim(self, ask: Ask, *, payload: bytes = b'{"plan":"team_pro"}') -> AuthoriseCommit:
        return AuthoriseCommit(
            ask=ask, commit_id=f"c-{self.ids.fresh()}", attempt_id=f"a-{self.ids.fresh()}", action=ask.reach.action, target=ask.reach.target, method="POST",
            path="/accounts/a-1/subscriptions", mode=Mode.DETERMINISTIC, payload=payload, judged_input=b'{"input":1}', salt=b"salt", verdict_id="v-1",
            revision="r-1", lease_ms=LEASE_MS, send_margin_ms=MARGIN_MS, traceparent="00-trace",
        )  # fmt: skip

    async def authorised(self, ask: Ask) -> CommitRow:
        """T1 of a write that has to be admitted."""
        reply = await self.write(self.claim(ask))
        assert isinstance(reply, Authorised), reply
        return reply.row

    async def denied(self, ask: Ask) -> CommitRow:
        reply = await self.write(self.claim(ask))
        assert isinstance(reply, Denied), reply
        return reply.row

    async def refused(self, ask: Ask) -> Reason:
        reply = await self.write(self.claim(ask))
        assert isinstance(reply, Refuse), reply
        return reply.refusal.reason

    def settlement(
        self, row: CommitRow, event: Event, *, attempt_id: str = "", notes: Sequence[Note] = (), response: bytes = b"", for_every_attempt: bool = False
    ) -> SettleCommit:
        return SettleCommit(
            commit_id=row.commit_id, attempt_id=attempt_id or row.attempt_id, event=event, for_every_attempt=for_every_attempt, notes=tuple(notes),
            host_status=_STATUS[event], response=response, response_truncated=False,
        )  # fmt: skip

    async def settled(
        self, row: CommitRow, event: Event, *, attempt_id: str = "", notes: Sequence[Note] = (), response: bytes = b"", for_every_attempt: bool = False
    ) -> CommitRow:
        return await self.write(self.settlement(row, event, attempt_id=attempt_id, notes=notes, response=response, for_every_attempt=for_every_attempt))

    async def committed(self, ask: Ask, event: Event = Event.HOST_DID) -> CommitRow:
        return await self.settled(await self.authorised(ask), event)

    def thought(self, ask: Ask, *, context: bytes = b'{"team_size":12}', ttl_ms: int = 900_000) -> AuthoriseThinking:
        return AuthoriseThinking(
            ask=ask, decision_id=f"d-{self.ids.fresh()}", context=context, salt=b"salt", verdict_id="v-1", revision="r-1", step_digest=DIGEST,
            ttl_ms=ttl_ms, lease_ms=LEASE_MS,
        )  # fmt: skip

    def thinking_ask(self, key: str, *, run: RunName = RUN, costs: Sequence[Cost] = (), supersedes: str = "", content: str = "content") -> Ask:
        return self.ask(
            key, space=KeySpace.DECIDE, run=run, costs=costs, supersedes=supersedes, content=content, expire_at_ms=0, step="select_plan", models=("small",)
        )

    async def begun(self, ask: Ask, *, ttl_ms: int = 900_000) -> DecisionRow:
        reply = await self.write(self.thought(ask, ttl_ms=ttl_ms))
        assert isinstance(reply, ThinkingBegun), reply
        return reply.row

    async def concluded(
        self, row: DecisionRow, *, state: Thinking = Thinking.DECIDED, stop: DecideStop = DecideStop.FINAL_RESULT, usage: Usage = THRIFTY,
        stops_run: frozenset[str] = frozenset(), charge_reservation: bool = False,
    ) -> DecisionRow:  # fmt: skip
        decided = state is Thinking.DECIDED
        return await self.write(ConcludeThinking(
            decision_id=row.decision_id, state=state, option="team_pro" if decided else "", source="AGENT" if decided else "", stop=stop, notes=(),
            rationale="it seats 12", evidence=(EvidenceNote(tool="prices", result_sha256=b"e" * 32, result_bytes=7, ok=True, prefetched=True),),
            usage=usage, charge_reservation=charge_reservation, agent_version="agent-1", transcript_sha256=b"t" * 32, stops_run=stops_run,
        ))  # fmt: skip

    async def decided(self, key: str, *, run: RunName = RUN, ttl_ms: int = 900_000) -> DecisionRow:
        return await self.concluded(await self.begun(self.thinking_ask(key, run=run), ttl_ms=ttl_ms))

    async def stored(self, commit_id: str) -> CommitRow:
        found = await self.store.commit(commit_id)
        assert found is not None
        return found.row

    async def balances(self) -> dict[str, tuple[int, int]]:
        """(held, settled) by level, in the newest window."""
        return {str(row.node.level): (row.held, row.settled) for row in await self.store.nodes(tenant=TENANT, workflow="")}

    async def kinds(self, run: RunName = RUN) -> list[str]:
        """What the record says of a run, in order."""
        return [str(entry.kind) for _, entry in await self.store.entries(run, after=0, limit=1_000)]

    async def leave(self) -> None:
        """Nothing may be left that does not add up."""
        if self.store.ready():
            assert discrepancies(await self.store.books()) == []
        await self.store.close()


_STATUS: Final = {Event.HOST_DID: 201, Event.HOST_DID_NOT: 422, Event.NOBODY_KNOWS: 0}


def writes(amount: int = 1) -> list[Cost]:
    return [Cost(ledger=Ledger.WRITES, currency="", amount=amount)]


def limit(amount: int, *, window: Window = Window.TOTAL, ledger: Ledger = Ledger.WRITES, currency: str = "") -> BudgetLimit:
    return BudgetLimit(ledger=ledger, currency=currency, window=window, limit=amount)


def run_named(run_id: str, *, tenant: str = TENANT, workflow: str = WORKFLOW) -> RunName:
    return RunName(tenant, workflow, run_id)


def terms(
    *, steps_max: int = 1_000, wall_ms_max: int = 3_600_000, stops_run: Sequence[str] = (), budgets: Sequence[BudgetLimit] = ()
) -> RunTerms:  # fmt: skip
    return RunTerms(steps_max=steps_max, wall_ms_max=wall_ms_max, stops_run=frozenset(stops_run), budgets=tuple(budgets))


def reasons(row: CommitRow | DecisionRow) -> list[Reason]:
    return [note.reason for note in row.notes]


def states(holds: Sequence[Hold]) -> set[HoldState]:
    return {hold.state for hold in holds}


def by_state(rows: Sequence[CommitRow]) -> dict[State, int]:
    return {state: sum(row.state is state for row in rows) for state in State if any(row.state is state for row in rows)}


def windows(rows: Sequence[NodeRow]) -> list[int]:
    return sorted(row.window_start_ms for row in rows)
