"""Two gateways on one PostgreSQL and one host, and a line that parts one of them from somebody, in one way or both, in the middle of a write; then it heals.

1. A case is `who/way/when`: which line, what is kept back, and whether before the write or while it is under way. Cut: its connections end as well.
2. While parted, what is asked may fail or stay unknown, and the other gateway works on. Healed, the same request has an answer everywhere, the same one.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from countersign import Commit, Outcome, Refused
from tests.faults.replicas.fleet import Fleet, NotCome, comes
from tests.faults.replicas.gateway import Gateway
from tests.faults.replicas.lines import Line, Way
from tests.faults.replicas.load import brief
from tests.prove.suite import Assignment, Failure, Report, each, evenly

Told = Commit | Refused | None

_BOTH: Final = (Way.THERE, Way.BACK)
_HOLDS: Final[dict[str, tuple[Way, ...]]] = {"both": _BOTH, "there": (Way.THERE,), "back": (Way.BACK,)}
_CASES: Final = (
    "host/both/during", "store/both/during", "callers/both/during",
    "host/there/before", "store/back/during", "callers/back/during",
    "host/back/during", "store/there/before", "callers/there/before",
    "host/cut/during", "store/cut/before", "callers/cut/during",
)  # fmt: skip
_PARTED_S: Final = {"host": 1.5, "callers": 1.5, "store": 6.0}  # from its store longer than a lease: the other finds what it left
_ENDS_S_MAX: Final = 30.0
_DEADLINE_S: Final = 3.0


def run(given: Assignment) -> Report:
    with Fleet(given.folder, size=2, lined=True, read_timeout_ms=400) as fleet:
        report = each(given, evenly(_CASES, given.volume), lambda case: _one(fleet, case))
        wrong = fleet.check_settled()
    at_the_end = tuple(Failure(case="", what=f"at the end: {what}") for what in wrong)
    return Report(volume=report.volume, failures=(*report.failures, *at_the_end))


def _one(fleet: Fleet, case: str) -> str:
    who, what, when = case.split("/")
    parted, other = fleet.gateways
    line = {"host": parted.to_host, "store": parted.to_store, "callers": parted.to_callers}[who]
    before = len(fleet.deliveries())
    with ThreadPoolExecutor(1) as callers:
        try:
            if when == "during":
                waiting = callers.submit(parted.attempt, case, host="hold", deadline_s=_DEADLINE_S)
                comes(lambda: len(fleet.deliveries()) > before, "the host to get the write")
                _part(line, what)
                fleet.host("/release")
            else:
                _part(line, what)
                waiting = callers.submit(parted.attempt, case, deadline_s=_DEADLINE_S)
            wrong = _meanwhile(case, other, waiting, for_s=_PARTED_S[who])
        finally:
            line.heal()
            fleet.host("/release")
    return "; ".join([*filter(None, [wrong, _healed(fleet, case, "apply" if when == "before" else "hold")]), *fleet.check()])


def _part(line: Line, what: str) -> None:
    if what == "cut":
        line.cut(refuse=True)
    else:
        line.hold(*_HOLDS[what])


def _meanwhile(case: str, other: Gateway, waiting: "Future[Told]", *, for_s: float) -> str:
    """The other gateway works on, the whole time; what it answers comes before the line is healed."""
    until_s, number = time.monotonic() + for_s, 0
    while time.monotonic() < until_s or not waiting.done():
        number += 1
        told = other.attempt(f"{case}-meanwhile-{number}", deadline_s=_ENDS_S_MAX)
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
        comes(agree, "one answer at both gateways", within_s=_ENDS_S_MAX)
    except NotCome as why:
        return f"{why}: {[*map(brief, last)]}"
    return ""
