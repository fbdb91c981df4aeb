"""A whole gateway over fakes: the real stories and stages, a store in memory (or any other), a clock that stands still.

1. `gateway(…)` is opened and closed by its test; closing drains the keeper and asserts that the ledger adds up and that no bug was told of.
2. The activation in force is an attribute: changing it and calling `activate` is what an operator's activation does.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.domain.audit import EntryKind
from gateway.domain.boundary import Activation
from gateway.domain.commands import CommitCommand, DecideCommand
from gateway.domain.conservation import discrepancies
from gateway.domain.handoffs import Decided, Outcome
from gateway.domain.records import RunName
from gateway.domain.refusal import Refusal
from gateway.domain.targets import HostMode, TargetTerms
from gateway.domain.writes.halts import Activate
from gateway.ports.store import Store
from gateway.service.commit import Committer, Way
from gateway.service.decide import Decider
from gateway.service.doorkeeper import Doorkeeper
from gateway.service.halts import Halts
from gateway.service.keeper import Keeper
from gateway.service.lookup import Lookup
from gateway.service.reconcile import Pace, Reconciler
from gateway.service.runs import Runs
from tests.fakes.activation import TENANT, WORKFLOW, activation, standing
from tests.fakes.clock import FakeClock
from tests.fakes.commands import FOREVER, patient
from tests.fakes.host import FakeHost
from tests.fakes.ids import CountingIds
from tests.fakes.policy import FakePolicyEngine
from tests.fakes.store import MemoryStore
from tests.fakes.thinker import FakeThinker
from tests.fakes.troubled_store import TroubledStore

NEVER_S: Final = float("inf")
PACE: Final = Pace(interval_ms=10, backoff_ms=1_000, backoff_ms_max=3_000, looks_max=3)


def terms(
    name: str, mode: HostMode = HostMode.DEDUPE, *, retention_ms: int = 86_400_000, enforces_not_after: bool = False, replays_refusals: bool = False
) -> TargetTerms:
    return TargetTerms(
        name=name, mode=mode, retention_ms=retention_ms, enforces_not_after=enforces_not_after, trusts_status_codes=False,
        replays_refusals=replays_refusals, overrides={}, wire_ms_max=3_000, send_margin_ms=2_000,
    )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class FakeGateway:
    clock: FakeClock
    ids: CountingIds
    store: TroubledStore
    policy: FakePolicyEngine
    thinker: FakeThinker
    hosts: Mapping[str, FakeHost]
    keeper: Keeper
    door: Doorkeeper
    study: Doorkeeper
    activation: Activation
    bugs: list[BaseException]
    unrecorded: list[str] = field(default_factory=list)
    ways: dict[str, Way] = field(default_factory=dict)
    committer: Committer = field(init=False)
    decider: Decider = field(init=False)
    runs: Runs = field(init=False)
    lookup: Lookup = field(init=False)
    halts: Halts = field(init=False)
    reconciler: Reconciler = field(init=False)

    def __post_init__(self) -> None:
        def now() -> Activation:
            return self.activation  # what is in force when it is asked

        self.committer = Committer(
            store=self.store, policy=self.policy, ways=self.ways, clock=self.clock, ids=self.ids, keeper=self.keeper, doorkeeper=self.door, activation=now,
            unrecorded=self.unrecorded.append,
        )  # fmt: skip
        self.decider = Decider(
            store=self.store, policy=self.policy, thinker=self.thinker, clock=self.clock, ids=self.ids, keeper=self.keeper, doorkeeper=self.study,
            activation=now,
        )  # fmt: skip
        self.runs, self.lookup = Runs(store=self.store, ids=self.ids, activation=now), Lookup(store=self.store)
        self.halts = Halts(store=self.store, ids=self.ids, decider=self.decider)
        self.reconciler = Reconciler(store=self.store, ways=self.ways, clock=self.clock, ids=self.ids, pace=PACE)

    @property
    def billing(self) -> FakeHost:
        return self.hosts["billing"]

    async def activate(self, law: Activation) -> None:
        """Brings `law` into force, under the number the store gives it."""
        row = await self.store.write(Activate(revision=law.revision, digest=law.digest, standing=standing(law)), hand_over_by_s=NEVER_S)
        self.activation = replace(law, number=row.number)

    async def commit(self, command: CommitCommand) -> Outcome:
        """Where the test expects an outcome. Forever is ten seconds here."""
        answered = await self.committer.commit(replace(command, patience=patient()) if command.patience is FOREVER else command)
        assert isinstance(answered, Outcome), answered
        return answered

    async def refused(self, command: CommitCommand) -> Refusal:
        answered = await self.committer.commit(replace(command, patience=patient()) if command.patience is FOREVER else command)
        assert isinstance(answered, Refusal), answered
        return answered

    async def decide(self, command: DecideCommand) -> Decided:
        if command.patience is FOREVER:
            patience = patient()
            command = replace(command, patience=patience, deadline_s=patience.hand_over_by_s)
        answered = await self.decider.decide(command)
        assert isinstance(answered, Decided), answered
        return answered

    async def entries(self, run_id: str = "run-1", *, tenant: str = TENANT) -> list[EntryKind]:
        """What the record says of a run, in order."""
        return [entry.kind for _, entry in await self.store.entries(RunName(tenant, WORKFLOW, run_id), after=0, limit=500)]


@asynccontextmanager
async def gateway(
    law: Activation | None = None, *, store: Store | None = None, clock: FakeClock | None = None, hosts: Mapping[str, FakeHost] | None = None,
    billing: TargetTerms | None = None, thinker: FakeThinker | None = None, in_flight_max: int = 100, bugs: int = 0,
) -> AsyncIterator[FakeGateway]:  # fmt: skip
    """`bugs`: how many the test provokes; any other number fails it."""
    clock = clock or FakeClock()
    hosts = {"billing": FakeHost(clock), "mail": FakeHost(clock)} | dict(hosts or {})
    told: list[BaseException] = []
    made = FakeGateway(
        clock=clock, ids=CountingIds(), store=TroubledStore(store or MemoryStore(clock=clock)), policy=FakePolicyEngine(), thinker=thinker or FakeThinker(),
        hosts=hosts, keeper=Keeper(told=told.append), door=Doorkeeper(in_flight_max=in_flight_max),
        study=Doorkeeper(in_flight_max=in_flight_max), activation=law or activation(), bugs=told,
        ways={name: Way(host=host, terms=billing if billing and name == "billing" else terms(name)) for name, host in hosts.items()},
    )  # fmt: skip
    await made.activate(made.activation)
    try:
        yield made
    finally:
        for host in hosts.values():
            host.release()
        made.thinker.release()
        made.store.release()
        left = await made.keeper.drain(grace_s=5.0)
    assert left == 0
    assert len(told) == bugs, told
    assert discrepancies(await made.store.books()) == []
