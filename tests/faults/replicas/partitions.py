"""Two gateways, one PostgreSQL, one host and their callers on machines of their own; the network parts one gateway from somebody in the middle of a write.

1. A case is `who/what/when`: from whom, what is lost (what it sends, what it is sent, both; or it is turned away), before the write, while it is
   under way, or in the transaction that would let it leave, with its locks. What is lost is lost without a word: only time tells.
2. While parted, what is asked may fail or stay unknown, and the other gateway works on. Healed, the same request has an answer everywhere, the same one.
"""

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from countersign import Commit, Outcome, Refused
from tests.faults.replicas.fleet import Fleet, NotCome, comes
from tests.faults.replicas.gateway import Gateway
from tests.faults.replicas.load import brief
from tests.faults.replicas.machines import CALLERS, HOST, STORE, Machines, machine_of
from tests.faults.replicas.network import NoNetwork, Way
from tests.prove.suite import Assignment, Failure, Report, each, evenly

Told = Commit | Refused | None

_CASES: Final = (
    "host/both/during", "store/both/during", "callers/both/during",
    "host/there/before", "store/back/during", "callers/back/during",
    "host/back/during", "store/there/before", "callers/there/before",
    "host/turned-away/during", "store/both/in-transaction", "callers/turned-away/during", "store/turned-away/before",
)  # fmt: skip
_PARTED_S: Final = {HOST: 1.5, CALLERS: 1.5, STORE: 6.0}  # from its store longer than a lease: the other finds what it left
_HOLDS_THE_LAST: Final = ("BEGIN", "SELECT node_key FROM countersign.nodes ORDER BY node_key DESC LIMIT 1 FOR UPDATE")
_WAITS: Final = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
_DEADLINE_S: Final = 3.0
_WORKS_S_MAX: Final = 12.0  # who is not parted waits for locks of the parted one at most, and those the server takes back
_GIVES_UP_S_MAX: Final = 15.0  # a statement that nobody answers
_AGREE_S_MAX: Final = 20.0  # what was asked into the void is given up, and the network tried anew


def run(given: Assignment) -> Report:
    try:
        with Machines(given.folder, size=2, read_timeout_ms=400) as fleet:
            report = each(given, evenly(_CASES, given.volume), lambda case: _one(fleet, case))
            wrong = fleet.check_settled()
    except NoNetwork as missing:
        return Report(volume=0, failures=(Failure(case="", what=str(missing)),))
    at_the_end = tuple(Failure(case="", what=f"at the end: {what}") for what in wrong)
    return Report(volume=report.volume, failures=(*report.failures, *at_the_end), note="5 machines, TLS between them")


def _one(fleet: Machines, case: str) -> str:
    who, _, when = case.split("/")
    other = fleet.gateways[1]
    with ThreadPoolExecutor(1) as callers:
        try:
            waiting = {"before": _before, "during": _during, "in-transaction": _in_transaction}[when](fleet, case, callers)
            wrong = _meanwhile(case, other, waiting, for_s=_PARTED_S[who])
        except NotCome as why:
            wrong = str(why)
        finally:
            fleet.network.heal()
            fleet.host("/release")
    return "; ".join([*filter(None, [wrong, _healed(fleet, case, "hold" if when == "during" else "apply")]), *fleet.check()])


def _before(fleet: Machines, case: str, callers: ThreadPoolExecutor) -> "Future[Told]":
    _part(fleet, case)
    return callers.submit(fleet.gateways[0].attempt, case, deadline_s=_DEADLINE_S)


def _during(fleet: Machines, case: str, callers: ThreadPoolExecutor) -> "Future[Told]":
    """The host has it, and answers when it cannot be heard, or when nobody can be told."""
    before = len(fleet.deliveries())
    waiting = callers.submit(fleet.gateways[0].attempt, case, host="hold", deadline_s=_DEADLINE_S)
    comes(lambda: len(fleet.deliveries()) > before, "the host to get the write")
    _part(fleet, case)
    fleet.host("/release")
    return waiting


def _in_transaction(fleet: Machines, case: str, callers: ThreadPoolExecutor) -> "Future[Told]":
    """It has every lock but one, and gets that one when it can no longer be told. Its caller waits until it knows that nothing will leave."""
    address = fleet.network.address(machine_of(fleet.gateways[0]))
    fleet.gateways[1].attempt(f"{case}-first", deadline_s=_WORKS_S_MAX)  # there is something to lock
    with asyncio.Runner() as runner:
        holder = runner.run(fleet.server.administer(fleet.access.database))
        try:
            for statement in _HOLDS_THE_LAST:
                runner.run(holder.execute(statement))
            waiting = callers.submit(fleet.gateways[0].attempt, case, deadline_s=_GIVES_UP_S_MAX)
            comes(lambda: fleet.value(f"{_WAITS} AND client_addr = '{address}'") > 0, "the gateway to wait for the last of its locks")
            _part(fleet, case)
        finally:
            runner.run(holder.close())
    return waiting


def _part(fleet: Machines, case: str) -> None:
    who, what, _ = case.split("/")
    gateway = machine_of(fleet.gateways[0])
    there, back = (Way(who, gateway), Way(gateway, who)) if who == CALLERS else (Way(gateway, who), Way(who, gateway))  # from whoever connects
    if what == "turned-away":
        fleet.network.turn_away(who, gateway)
    else:
        fleet.network.drop(*{"both": (there, back), "there": (there,), "back": (back,)}[what])


def _meanwhile(case: str, other: Gateway, waiting: "Future[Told]", *, for_s: float) -> str:
    """The other gateway works on, the whole time; what it answers comes before anything is healed."""
    until_s, number = time.monotonic() + for_s, 0
    while time.monotonic() < until_s or not waiting.done():
        number += 1
        told = other.attempt(f"{case}-meanwhile-{number}", deadline_s=_WORKS_S_MAX)
        if not isinstance(told, Commit) or told.outcome is not Outcome.SUCCEEDED:
            return f"meanwhile the other gateway said {brief(told)}"
    return ""


def _healed(fleet: Fleet, case: str, host: str) -> str:
    """Asked at both, until both have an answer and it is the same."""
    last: list[Told] = []

    def agree() -> bool:
        last[:] = [gateway.attempt(case, host=host, deadline_s=_DEADLINE_S) for gateway in fleet.gateways]
        fleet.host("/release")
        answers = {(one.commit_id, one.outcome) for one in last if isinstance(one, Commit)}
        return all(isinstance(one, Commit) for one in last) and len(answers) == 1 and next(iter(answers))[1] in {Outcome.SUCCEEDED, Outcome.FAILED}

    try:
        comes(agree, "one answer at both gateways", within_s=_AGREE_S_MAX)
    except NotCome as why:
        return f"{why}: {[*map(brief, last)]}"
    return ""
