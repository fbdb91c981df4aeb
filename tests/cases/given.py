"""What a case starts from: the law, the world around the gateway, and how each of its words is read. An unknown word is an error."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from gateway.adapters.store.postgres.store import PostgresStore
from gateway.adapters.store.sqlite import SqliteStore
from gateway.domain.boundary import Activation
from gateway.domain.budget import BudgetLimit, Ledger, Window
from gateway.domain.faults import StorageLow, StoreFault
from gateway.domain.host_answer import NotSent, NotSentWhy
from gateway.domain.reasons import DecideStop
from gateway.domain.targets import HostMode
from gateway.domain.writes.commits import AuthoriseCommit, SettleCommit
from gateway.ports.agent import Brief, Meter, Thought
from gateway.ports.policy import Document, Erred, PolicyAnswer, Undefined
from gateway.ports.store import Store, Withdrawn
from tests.fakes.activation import activation, counted, usd
from tests.fakes.clock import FakeClock
from tests.fakes.gateway import FakeGateway, gateway, terms
from tests.fakes.host import DID, DID_AND_VANISHED, NOT_REACHED, VANISHED, Turn, answered
from tests.fakes.ids import CountingIds
from tests.fakes.policy import ALLOW
from tests.fakes.postgres import Server
from tests.fakes.store import MemoryStore
from tests.fakes.thinker import FakeThinker, Says

Words = Mapping[str, Any]

TURNS: Final[Mapping[str, Turn]] = {
    "writes": DID,
    "writes then vanishes": DID_AND_VANISHED,
    "silent": VANISHED,
    "unreachable": NOT_REACHED,
    "too late": Turn(observation=NotSent(NotSentWhy.TOO_LATE, "the time to send had passed"), delivered=False, applied=False),
    "refuses": answered(422, b'{"error":"no such account"}', applied=False),
    "conflicts": answered(409, applied=False),
    "breaks": answered(503, applied=False),
    "accepts": answered(202, applied=True),
}
POLICY: Final[Mapping[str, PolicyAnswer]] = {
    "allows": ALLOW,
    "denies": Document({"allow": False, "reasons": [{"code": "TOO_RISKY", "detail": "ask for less"}]}),
    "undefined": Undefined(),
    "errs": Erred("eval_conflict_error"),
    "misspelt": Document({"alow": True, "reasons": []}),
    "undeclared code": Document({"allow": False, "reasons": [{"code": "NEVER_DECLARED"}]}),
}
TROUBLE: Final[Mapping[str, StoreFault]] = {"fault": StoreFault("busy"), "storage low": StorageLow("little is left"), "withdrawn": Withdrawn("time was up")}
BEGINS: Final = {"t1": AuthoriseCommit, "t2": SettleCommit}


class Buggy(FakeThinker):
    """Breaks our own code."""

    async def think(self, brief: Brief, meter: Meter) -> Thought:
        raise LookupError("a bug of ours")


def only(words: Words, *known: str) -> Words:
    """The words, none of them unknown."""
    unknown = {*words} - {*known}
    assert not unknown, f"unknown: {sorted(unknown)}; known: {sorted(known)}"
    return words


def law_of(words: Words, *, number: int = 1) -> Activation:
    """Budgets by level: `value: 5000`, or `writes per minute: 1`; money in micros of USD."""
    only(words, "steps_max", "wall_ms_max", "stops_run", "fallback", "decision_ttl_ms", "models", "goal", "run", "workflow", "tenant", "without")
    asked: dict[str, Any] = {f"{level}_budgets": _budgets(words[level]) for level in ("run", "workflow", "tenant") if level in words}
    asked |= {name: words[name] for name in ("steps_max", "wall_ms_max", "stops_run", "fallback", "decision_ttl_ms", "models", "goal") if name in words}
    law = activation(number=number, **asked)
    without = words.get("without", [])
    actions = {name: action for name, action in law.boundary.actions.items() if name not in without}
    return replace(law, boundary=replace(law.boundary, actions=actions))


def _budgets(words: Words) -> list[BudgetLimit]:
    limits = []
    for name, limit in words.items():
        ledger, _, window = name.partition(" per ")
        made = usd if ledger in {"value", "spend"} else counted
        limits.append(made(Ledger(ledger), limit, Window(window or "total")))
    return limits


def says_of(words: Words) -> Says:
    only(words, "option", "stop", "breaks", "spend_micros", "reserved_micros", "rationale")
    return Says(
        option=words.get("option"), stop=DecideStop(words.get("stop", "FINAL_RESULT")), breaks=words.get("breaks", False),
        spend_micros=words.get("spend_micros", 30), spend_reserved_micros=words.get("reserved_micros", 0), rationale=words.get("rationale", "it fits"),
    )  # fmt: skip


def set_policy(one: FakeGateway, word: str) -> None:
    if word == "down":
        one.policy.kill()
        return
    one.policy.revive()
    answer = POLICY[word]
    one.policy.script = lambda _entrypoint, _input: answer


def set_host(one: FakeGateway, words: Sequence[str]) -> None:
    """`hangs` keeps every answer back until `host_answers`."""
    for word in words:
        if word == "hangs":
            one.billing.hold()
        else:
            one.billing.turns.append(TURNS[word])


def set_agent(one: FakeGateway, words: Sequence[Words | str]) -> None:
    for word in words:
        if word == "hangs":
            one.thinker.hold()
        elif not isinstance(word, str):
            one.thinker.script.append(says_of(word))


@asynccontextmanager
async def world(words: Words, store_kind: Server | str, folder: Path) -> AsyncIterator[FakeGateway]:
    """The gateway of a case, over the store asked for."""
    only(words, "law", "policy", "host", "target", "agent", "store", "in_flight_max", "bugs")
    clock, agent, target = FakeClock(), words.get("agent", []), only(words.get("target", {}), "mode", "enforces_not_after", "retention_ms", "replays_refusals")
    billing = terms(
        "billing", HostMode(target.get("mode", "dedupe")), retention_ms=target.get("retention_ms", 86_400_000),
        enforces_not_after=target.get("enforces_not_after", False), replays_refusals=target.get("replays_refusals", False),
    )  # fmt: skip
    async with opened(store_kind, clock, folder) as store, gateway(
        law_of(words.get("law", {})), store=store, clock=clock, billing=billing, thinker=Buggy() if "bug" in agent else FakeThinker(),
        in_flight_max=words.get("in_flight_max", 100), bugs=words.get("bugs", 0),
    ) as one:  # fmt: skip
        set_policy(one, words.get("policy", "allows"))
        set_host(one, words.get("host", []))
        set_agent(one, agent)
        for begins, troubles in only(words.get("store", {}), *BEGINS).items():
            one.store.fails(BEGINS[begins], *(TROUBLE[trouble] for trouble in troubles))
        yield one


@asynccontextmanager
async def opened(kind: Server | str, clock: FakeClock, folder: Path) -> AsyncIterator[Store]:
    """A fresh store: in memory, SQLite in the folder, or on a server."""
    async with AsyncExitStack() as stack:
        store: Store = MemoryStore(clock=clock)
        if isinstance(kind, Server):
            access = await stack.enter_async_context(kind.lent())
            store = await PostgresStore.open(access, ids=CountingIds(), clock=clock, store_clock=clock)
        elif kind == "sqlite":
            store = await SqliteStore.open(folder / "store.db", ids=CountingIds(), clock=clock, reserve_bytes=0)
        await store.recover()
        stack.push_async_callback(store.close)
        yield store
