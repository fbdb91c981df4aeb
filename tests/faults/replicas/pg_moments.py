"""What happens around several gateways on one PostgreSQL: the server dies, its sessions end, locks are fought over, rights go, an owner stops for a while.

1. A case runs on the fleet that all share, and leaves every gateway up. What must come of it is said where it happens.
2. An owner is stopped past its lease before each of the moments that matter; another gateway finds what it left, and then it wakes.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Final

import asyncpg

from countersign import Commit, Outcome, Refused
from countersign.operator import HaltScope
from gateway.domain.lifecycle import TERMINAL, State
from tests.faults.nursery import BEFORE_THE_BYTE, BEFORE_THE_LOOK
from tests.faults.replicas.fleet import Fleet, comes
from tests.faults.replicas.gateway import Gateway, threads_of
from tests.faults.replicas.load import brief, unanswered
from tests.faults.replicas.wire import How

_KEYS: Final = 48
_CALLERS: Final = 8
_RECOVERS_S_MAX: Final = 5.0
_HALTS_S_MAX: Final = 8.0  # what a session may idle in its transaction, and some more
_GATEWAYS: Final = "application_name = 'countersign'"
_END_SESSIONS: Final = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_GATEWAYS}"  # noqa: S608 - from the line above
_NEWEST_WRITER: Final = f"SELECT pid FROM pg_stat_activity WHERE {_GATEWAYS} AND query ~ 'COMMIT|boots|keys' ORDER BY query_start DESC LIMIT 1"  # noqa: S608 - from the line above
_FIGHTS: Final = 30

Case = Callable[[Fleet, str], str]


def server_killed(fleet: Fleet, key: str, *, after: int) -> str:
    """SIGKILL to the postmaster in the middle of a load; it comes back, and no gateway has to be restarted."""

    def strike(wait: Callable[[int], None]) -> None:
        wait(after)
        fleet.crash_server()

    return _loaded(fleet, key, strike)


def sessions_ended(fleet: Fleet, key: str) -> str:
    """An operator ends every session of every gateway, again and again."""

    def strike(wait: Callable[[int], None]) -> None:
        for _ in range(5):
            wait(6)
            fleet.administer(_END_SESSIONS)

    return _loaded(fleet, key, strike)


def backend_killed(fleet: Fleet, key: str) -> str:
    """SIGKILL to the session that writes for one gateway: the server ends them all and recovers."""

    def strike(wait: Callable[[int], None]) -> None:
        wait(8)
        os.kill(fleet.value(_NEWEST_WRITER), signal.SIGKILL)

    return _loaded(fleet, key, strike)


def halt_while_one_stalls(fleet: Fleet, key: str) -> str:
    """A T1 has its locks and its COMMIT does not arrive: a halt waits no longer than the server keeps that session, and nothing gets past it then."""
    owner, other = fleet.gateways[0], fleet.gateways[1]
    owner.to_store.arm(How.STALL, at=1, commits_only=True)
    with ThreadPoolExecutor(1) as callers, other.operator() as operator:
        waiting = callers.submit(owner.attempt, key, deadline_s=30.0)
        comes(lambda: owner.to_store.struck == 1, "its COMMIT to stall")
        began_s = time.monotonic()
        halted = operator.halt(HaltScope(), reason=key)
        took_s, admitted = time.monotonic() - began_s, fleet.state_of(key)
        told = waiting.result()
        operator.resume(halted.halt.halt_id, reason="seen")
    if took_s > _HALTS_S_MAX:
        return f"the halt took {took_s:.1f} s"
    late = admitted is None and (not isinstance(told, Commit) or told.outcome is not Outcome.DENIED)
    return f"when Halt returned it was {admitted}, and its caller was told {brief(told)}" if late else ""


def idle_connections_closed(fleet: Fleet, key: str) -> str:
    """Closed while nobody used them, as firewalls do: the next request of each gateway does not notice."""
    for gateway in fleet.gateways:
        gateway.to_store.cut()
    told = [gateway.attempt(f"{key}-{gateway.number}") for gateway in fleet.gateways]
    return "" if all(isinstance(one, Commit) and one.outcome is Outcome.SUCCEEDED for one in told) else f"they were told {[*map(brief, told)]}"


def storm(fleet: Fleet, key: str, *, how: How) -> str:
    """The same error to whatever is asked next, dozens of times at every gateway."""

    def strike(wait: Callable[[int], None]) -> None:
        for gateway in fleet.gateways:
            gateway.to_store.arm(how, at=7, times=25)
        wait(10)

    return _loaded(fleet, key, strike)


def deadlocks(fleet: Fleet, key: str) -> str:
    """Somebody takes the locks in the opposite order: real deadlocks, which the server ends by rolling one back."""

    def strike(wait: Callable[[int], None]) -> None:
        wait(4)
        asyncio.run(_fight(fleet))

    return _loaded(fleet, key, strike)


async def _fight(fleet: Fleet) -> None:
    connection = await fleet.server.administer(fleet.access.database)
    try:
        for _ in range(_FIGHTS):
            try:
                async with connection.transaction():
                    await connection.execute("SELECT node_key FROM countersign.nodes ORDER BY node_key FOR UPDATE")
                    await connection.execute("SELECT run_id FROM countersign.runs FOR UPDATE")
                    await connection.execute("UPDATE countersign.gate SET minimum_number = minimum_number")
            except asyncpg.DeadlockDetectedError:
                pass  # this time it was us
    finally:
        await connection.close()


def record_forbidden(fleet: Fleet, key: str) -> str:
    """The right to add to the record is taken away: nothing is sent that could not be recorded. Given back, the same key goes through."""
    return _without(fleet, key, take=["REVOKE INSERT ON countersign.entries FROM gateway"], give=["GRANT INSERT ON countersign.entries TO gateway"])


def locked_out(fleet: Fleet, key: str) -> str:
    """The role may not log in any more, and its sessions are ended."""
    return _without(fleet, key, take=["ALTER ROLE gateway NOLOGIN", _END_SESSIONS], give=["ALTER ROLE gateway LOGIN"])


def _without(fleet: Fleet, key: str, *, take: list[str], give: list[str]) -> str:
    before = len(fleet.deliveries())
    fleet.administer(*take)
    try:
        told = [gateway.attempt(f"{key}-{gateway.number}") for gateway in fleet.gateways]
        sent = len(fleet.deliveries()) - before
    finally:
        fleet.administer(*give)
    left = unanswered(fleet, [f"{key}-{gateway.number}" for gateway in fleet.gateways], lambda wait: wait(1), callers=len(fleet.gateways))
    if sent or any(isinstance(one, Commit) for one in told):
        return f"{sent} writes left meanwhile, and callers were told {[*map(brief, told)]}"
    return f"afterwards {left} had no answer" if left else ""


def stopped_before_the_look(fleet: Fleet, key: str) -> str:
    """Asleep just before the owner looks at its clocks for the last time; another finds its commit; awake, it sends nothing."""
    before = len(fleet.deliveries())
    told = _stopped_at(fleet, key, BEFORE_THE_LOOK)
    comes(lambda: fleet.state_of(key) in TERMINAL, "its own word that it was not sent")
    late = len(fleet.deliveries()) - before
    return f"{late} writes left, its caller was told {brief(told)}, it is {fleet.state_of(key)}" if late or fleet.state_of(key) is not State.FAILED else ""


def stopped_before_the_byte(fleet: Fleet, key: str) -> str:
    """Asleep between that look and the first byte: what leaves says that it is too late, and a host that keeps to it does nothing."""
    told = _stopped_at(fleet, key, BEFORE_THE_BYTE)
    comes(lambda: fleet.state_of(key) in TERMINAL, "the end of what was in flight")
    return "" if fleet.state_of(key) is State.FAILED else f"its caller was told {brief(told)}, it is {fleet.state_of(key)}"


def _stopped_at(fleet: Fleet, key: str, moment: str) -> Commit | Refused | None:
    owner = fleet.gateways[-1]
    owner.stop_file.write_text(moment)
    with ThreadPoolExecutor(1) as callers:
        waiting = callers.submit(owner.attempt, key, deadline_s=30.0)
        comes(lambda: {*threads_of(owner.pid)} == {"T"}, "the owner to stop")
        try:
            comes(lambda: fleet.state_of(key) is State.UNKNOWN, "another gateway to find what it left")
        finally:
            owner.thaw()
        return waiting.result()


def answer_comes_last(fleet: Fleet, key: str) -> str:
    """A forwards and stops, the host applies and answers, B asks the host and resolves, then A hears that answer: one story."""
    return _resolved_elsewhere(fleet, key, State.SUCCEEDED, released_late=False)


def refusal_comes_last(fleet: Fleet, key: str) -> str:
    """Likewise, but the host comes to the write when its time has passed, and refuses it."""
    return _resolved_elsewhere(fleet, key, State.FAILED, released_late=True)


def _resolved_elsewhere(fleet: Fleet, key: str, expected: State, *, released_late: bool) -> str:
    with _held(fleet, key) as (owner, waiting):
        with _frozen(owner):
            if released_late:
                comes(lambda: fleet.state_of(key) is State.UNKNOWN, "another gateway to find what it left")
            fleet.host("/release")
            comes(lambda: fleet.state_of(key) in TERMINAL, "another gateway to resolve it")
            found = fleet.state_of(key)
        told = waiting.result()
    right = found is expected and (told is None or (isinstance(told, Commit) and told.outcome == expected.value))
    return "" if right else f"found {found}, and the owner's caller was told {brief(told)}; expected {expected}"


def answer_comes_late(fleet: Fleet, key: str) -> str:
    """A forwards to a host nobody can ask, and stops; B can only say unknown; whatever A says when it wakes, nobody sends again."""
    with _held(fleet, key, action="notify") as (owner, _), _frozen(owner):
        fleet.host("/release")
        comes(lambda: fleet.state_of(key) is State.UNKNOWN, "another gateway to find what it left")
    return "" if fleet.state_of(key) in {State.UNKNOWN, State.SUCCEEDED} else f"it is {fleet.state_of(key)}"


def owner_killed(fleet: Fleet, key: str) -> str:
    """Killed in flight: another gateway finds it once its lease is over, within five seconds, and finds out what became of it."""
    with _held(fleet, key) as (owner, _):
        owner.kill()
        try:
            fleet.host("/release")
            [row] = [row for row in fleet.stored().books.commits if row.key == key.encode()]
            comes(lambda: fleet.state_of(key) is not State.FORWARDING, "another gateway to find it")
            late_s = time.time() - row.lease_until_ms / 1000
            comes(lambda: fleet.state_of(key) is State.SUCCEEDED, "another gateway to resolve it")
        finally:
            owner.start()
    return f"I10: found {late_s:.1f} s after its lease" if not 0 <= late_s <= _RECOVERS_S_MAX else ""


@contextmanager
def _held(fleet: Fleet, key: str, *, action: str = "transfer") -> "Iterator[tuple[Gateway, Future[Commit | Refused | None]]]":
    """A write of the last gateway that the host has and does not answer."""
    owner, before = fleet.gateways[-1], len(fleet.deliveries())
    with ThreadPoolExecutor(1) as callers:
        waiting = callers.submit(owner.attempt, key, host="hold", action=action, deadline_s=30.0)
        comes(lambda: len(fleet.deliveries()) > before, "the host to get the write")
        try:
            yield owner, waiting
        finally:
            fleet.host("/release")


@contextmanager
def _frozen(gateway: Gateway) -> Iterator[None]:
    gateway.freeze()
    try:
        yield
    finally:
        gateway.thaw()


def _loaded(fleet: Fleet, key: str, strike: Callable[[Callable[[int], None]], None]) -> str:
    """Every caller has an answer in the end, every write one effect."""
    keys = [f"{key}-{number}" for number in range(_KEYS)]
    left = unanswered(fleet, keys, strike, callers=_CALLERS, run_id=key)
    for gateway in fleet.gateways:
        gateway.to_store.arm(How.BEFORE, at=0)
    return f"{len(left)} callers have no answer: {left[:5]}" if left else ""


CASES: Final[dict[str, Case]] = {
    "server-killed-after-10": partial(server_killed, after=10),
    "stopped-before-the-look": stopped_before_the_look,
    "answer-comes-last": answer_comes_last,
    "storm-of-40001": partial(storm, how=How.SERIALIZATION),
    "record-forbidden": record_forbidden,
    "halt-while-one-stalls": halt_while_one_stalls,
    "owner-killed": owner_killed,
    "stopped-before-the-byte": stopped_before_the_byte,
    "sessions-ended": sessions_ended,
    "idle-connections-closed": idle_connections_closed,
    "storm-of-40P01": partial(storm, how=How.DEADLOCK),
    "deadlocks": deadlocks,
    "locked-out": locked_out,
    "answer-comes-late": answer_comes_late,
    "refusal-comes-last": refusal_comes_last,
    "backend-killed": backend_killed,
    "server-killed-after-1": partial(server_killed, after=1),
    "server-killed-after-25": partial(server_killed, after=25),
    "server-killed-after-40": partial(server_killed, after=40),
}
