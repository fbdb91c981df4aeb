"""Two gateways on one PostgreSQL whose disk is full, really: that of its data or that of its log, before T1, before T2, or under load.

1. A case is `disk/when`. Without room for data the server refuses what would grow (53100), and goes on. Without room for its log it PANICs, fails to
   recover, and ends: an operator makes room and starts it. No gateway is restarted.
2. Nothing leaves whose T1 is not durable. What a host has answered and nobody could record is told as unknown, and recorded once there is room.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Final, Protocol

import asyncpg

from countersign import Commit, Outcome, Reason, Refused
from gateway.domain.lifecycle import State
from tests.fakes.postgres import Server, programs
from tests.faults.replicas.disk import Disk, NoDisk, disks
from tests.faults.replicas.fleet import SETTINGS, Fleet, NotCome, comes
from tests.faults.replicas.gateway import lives
from tests.faults.replicas.load import brief, unanswered
from tests.prove.suite import Assignment, Failure, Report, each, evenly

Told = Commit | Refused | None

_GATEWAYS: Final = 2
_DISK_BYTES: Final = 128 * 1024 * 1024
_SEGMENT_MB: Final = 1
_KEEPS_ITS_LOG: Final = ("wal_keep_size=1GB", "max_wal_size=1GB")  # as where an archive or a replica is not there: no part of it is used again
_NO_ROOM: Final = "No space left on device"
_KEYS: Final = 12
_LOADED_KEYS: Final = 48
_CALLERS: Final = 8
_REFUSALS: Final = 24  # of the server, in the middle of a load
_ACTIONS: Final = ("transfer", "notify", "order")
_AWAY: Final = frozenset({Reason.STORAGE_LOW, Reason.STORE_UNAVAILABLE})
_DEADLINE_S: Final = 30.0  # longer than a gateway needs to find out what became of a COMMIT, or that nobody can say
_RECORDED_S_MAX: Final = 15.0  # a T2 is tried every five seconds


class Full(Protocol):
    """A disk of the server's."""

    def fill(self) -> None:
        """The next write that needs room finds none."""

    def relieve(self) -> None:
        """There is room again, and a server."""


class _Data:
    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def fill(self) -> None:
        self._disk.fill()

    def relieve(self) -> None:
        self._disk.empty()


class _Log:
    def __init__(self, fleet: Fleet, disk: Disk) -> None:
        self._fleet, self._disk = fleet, disk

    def fill(self) -> None:
        self._disk.fill()
        asyncio.run(self._use_up())

    def relieve(self) -> None:
        comes(lambda: self._fleet.server.has_ended, "the end of a server that has no room for its log")
        self._disk.empty()
        self._fleet.server.start()
        asyncio.run(self._fleet.server.ready())

    async def _use_up(self) -> None:
        """What was laid out beforehand; somebody's write may come first."""
        try:
            connection = await self._fleet.server.administer(self._fleet.access.database)
            try:
                last = max(one.name for one in (self._fleet.server.data / "pg_wal").iterdir() if one.is_file())
                while await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())") < last:
                    await connection.execute("SELECT pg_logical_emit_message(false, 'suite', 'used up')")
            finally:
                connection.terminate()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pass  # it has ended


Case = Callable[[Fleet, Full, str], str]


def before_t1(fleet: Fleet, full: Full, key: str) -> str:
    """Refused, all of them or all that found no room: nothing has left, and the keys are free."""
    keys, before = [f"{key}-{number}" for number in range(_KEYS)], len(fleet.deliveries())
    full.fill()
    try:
        with ThreadPoolExecutor(_KEYS) as callers:
            told = [*callers.map(lambda one, gateway: gateway.attempt(one, deadline_s=_DEADLINE_S), keys, cycle(fleet.gateways))]
        sent = len(fleet.deliveries()) - before
    finally:
        full.relieve()
    refused = [one for one, said in zip(keys, told, strict=True) if isinstance(said, Refused) and said.reason in _AWAY]
    began = [said for said in told if isinstance(said, Commit)]
    if not refused or len(refused) + len(began) < _KEYS or sent > len(began):
        return f"{sent} writes left, and callers were told {[*map(brief, told)]}"
    taken = [one for one in refused if fleet.state_of(one) is not None]
    again = [gateway.attempt(one, deadline_s=_DEADLINE_S) for one, gateway in zip(refused, cycle(reversed(fleet.gateways)), strict=False)]
    succeeded = [one for one in again if isinstance(one, Commit) and one.outcome is Outcome.SUCCEEDED]
    return f"of {refused}, {taken} were taken; asked again they say {[*map(brief, again)]}" if taken or len(succeeded) < len(refused) else ""


def at_t2(fleet: Fleet, full: Full, key: str) -> str:
    """Hosts have answered, and it cannot be recorded: unknown, held, not sent again by anybody; recorded when there is room."""
    keys, before = {f"{key}-{number}": action for number, action in zip(range(_KEYS), cycle(_ACTIONS), strict=False)}, len(fleet.deliveries())
    with ThreadPoolExecutor(_KEYS) as callers:
        waiting = [
            callers.submit(gateway.attempt, one, host="hold", action=action, deadline_s=_DEADLINE_S)
            for (one, action), gateway in zip(keys.items(), cycle(fleet.gateways), strict=False)
        ]
        comes(lambda: len(fleet.deliveries()) == before + _KEYS, "the hosts to get the writes")
        full.fill()
        try:
            fleet.host("/release")
            told = [one.result() for one in waiting]
            again = [fleet.gateways[0].attempt(one, host="hold", action=action, deadline_s=_DEADLINE_S) for one, action in keys.items()]
            sent = len(fleet.deliveries()) - before
        finally:
            full.relieve()
    unrecorded = [one for one in told if _is_unrecorded(one)]
    right = unrecorded and all(_is_unrecorded(one) or (isinstance(one, Commit) and one.outcome is Outcome.SUCCEEDED) for one in told)
    if not right or sent > _KEYS:
        return f"{sent} writes left, and callers were told {[*map(brief, told)]}, and then {[*map(brief, again)]}"
    comes(lambda: all(fleet.state_of(one) is State.SUCCEEDED for one in keys), "what hosts answered to be recorded", within_s=_RECORDED_S_MAX)
    return ""


def under_load(fleet: Fleet, full: Full, key: str) -> str:
    """In the middle of T1s and T2s of many callers, who ask on."""
    keys = [f"{key}-{number}" for number in range(_LOADED_KEYS)]

    def strike(wait: Callable[[int], None]) -> None:
        wait(_CALLERS)
        before = fleet.server.said(_NO_ROOM)
        full.fill()
        comes(lambda: fleet.server.has_ended or fleet.server.said(_NO_ROOM) >= before + _REFUSALS, "the server to say that it has no room")
        full.relieve()

    left = unanswered(fleet, keys, strike, callers=_CALLERS, run_id=key, deadline_s=_DEADLINE_S)
    if left:
        return f"{len(left)} callers have no answer: {left[:5]}"
    comes(lambda: all(fleet.state_of(one) is State.SUCCEEDED for one in keys), "every write to be recorded", within_s=_RECORDED_S_MAX)
    return ""


def _is_unrecorded(told: Told) -> bool:
    return isinstance(told, Commit) and told.outcome is Outcome.UNKNOWN and {one.reason for one in told.reasons} == {Reason.OUTCOME_NOT_RECORDED}


CASES: Final[dict[str, Case]] = {"at-t2": at_t2, "before-t1": before_t1, "under-load": under_load}
_NAMES: Final = ("data/at-t2", "log/before-t1", "data/under-load", "data/before-t1", "log/under-load", "log/at-t2")


class _OnDisks(Fleet):
    def __init__(self, folder: Path, *, data: Disk, log: Disk) -> None:
        super().__init__(folder, size=_GATEWAYS, read_timeout_ms=3_000)
        self._data, self._log = data, log

    def _server(self) -> Server:
        made_with = (f"--waldir={self._log.folder / 'wal'}", f"--wal-segsize={_SEGMENT_MB}")
        return Server(programs(), settings=(*SETTINGS, *_KEEPS_ITS_LOG), made_with=made_with, data=self._data.folder / "data")


def run(given: Assignment) -> Report:
    try:
        with disks(data=_DISK_BYTES, log=_DISK_BYTES) as made, _OnDisks(given.folder, data=made["data"], log=made["log"]) as fleet:
            fulls: dict[str, Full] = {"data": _Data(made["data"]), "log": _Log(fleet, made["log"])}
            report = each(given, evenly(_NAMES, given.volume), lambda case: _one(fleet, fulls, case))
            wrong = fleet.check_settled()
            unknown = {one.commit_id for one in fleet.told if one.state is State.UNKNOWN}
    except NoDisk as missing:
        return Report(volume=0, failures=(Failure(case="", what=str(missing)),))
    at_the_end = tuple(Failure(case="", what=f"at the end: {what}") for what in wrong)
    counted = {"outcomes told as unknown until there was room": len(unknown)}
    return Report(volume=report.volume, failures=(*report.failures, *at_the_end), counted=counted)


def _one(fleet: Fleet, fulls: dict[str, Full], case: str) -> str:
    which, when = case.split("/")
    pids = [gateway.pid for gateway in fleet.gateways]
    try:
        wrong = CASES[when](fleet, fulls[which], f"{case}-key")
        told = [gateway.attempt(f"{case}-afterwards-{gateway.number}", deadline_s=_DEADLINE_S) for gateway in fleet.gateways]
    except NotCome as why:
        return "; ".join([str(why), *fleet.check()])
    if not all(isinstance(one, Commit) and one.outcome is Outcome.SUCCEEDED for one in told) or not all(map(lives, pids)):
        wrong += f"; afterwards the gateways say {[*map(brief, told)]}"
    return "; ".join([*filter(None, [wrong]), *fleet.check()])
