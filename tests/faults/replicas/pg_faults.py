"""Four gateways on one PostgreSQL that is cut, refused, killed and fought over: nothing acknowledged is lost, nothing is sent twice.

1. A case `how/scenario/N` strikes at the Nth thing a gateway asks of the server for one write, T1 and T2 alike: cut before it leaves, after it was
   answered, or while it is under way; or answered by an SQLSTATE. The other cases are named in `pg_moments`.
2. The caller then asks on, at another gateway too, until it has an answer. After every case store, host and callers must tell one story.
"""

from collections.abc import Iterator
from typing import Final

from countersign import Commit, Outcome
from tests.faults.replicas.fleet import Fleet, NotCome
from tests.faults.replicas.gateway import FleetBroken, Gateway
from tests.faults.replicas.load import brief
from tests.faults.replicas.pg_moments import CASES
from tests.faults.replicas.wire import How
from tests.prove.suite import Assignment, Failure, Report, each, evenly

_GATEWAYS: Final = 4
_ENDS_S_MAX: Final = 20.0
_WARM: Final = 3  # writes until a connection has prepared what it needs
_SCENARIOS: Final[dict[str, dict[str, str | int]]] = {
    "transferred": {"action": "transfer"},
    "notified": {"action": "notify"},
    "vanished": {"action": "transfer", "host": "vanish"},
    "denied": {"action": "transfer", "amount_micros": 200_000_000},
}


def run(given: Assignment) -> Report:
    struck, seen = 0, set[str]()
    with Fleet(given.folder, size=_GATEWAYS, lined=True, read_timeout_ms=400) as fleet:
        points = [*_points(fleet)]
        moments = min(len(CASES), max(3, given.volume // 6)) if given.volume else 0
        cases = [*_some(given, points, given.volume - moments), *evenly([*CASES], moments)]

        def one(case: str) -> str:
            nonlocal struck
            try:
                wrong = CASES[case](fleet, f"{case}-key") if case in CASES else _strike(fleet, case)
            except (NotCome, FleetBroken) as why:
                wrong = str(why)
            struck += any(gateway.to_store.struck for gateway in fleet.gateways)
            found = [one for one in filter(None, [wrong, *fleet.check()]) if one not in seen]
            seen.update(found)  # what one case has broken stays broken in the store that all share
            return "; ".join(found)

        report = each(given, cases[: given.volume or None], one)
        wrong = [one for one in fleet.check_settled() if one not in seen]
    at_the_end = tuple(Failure(case="", what=f"at the end: {what}") for what in wrong)
    return Report(volume=report.volume, failures=(*report.failures, *at_the_end), note=f"{_GATEWAYS} gateways; {struck} struck on the wire")


def _some(given: Assignment, points: list[str], count: int) -> list[str]:
    """Others with every seed; all of them where no number is named."""
    return given.draw("points").sample(points, min(len(points), max(1, count))) if given.volume else points


def _points(fleet: Fleet) -> Iterator[str]:
    """Every ask of every scenario, found out by counting them once, and every way to strike at it."""
    for gateway in fleet.gateways:
        _warmed(gateway, "first")
    first = fleet.gateways[0]
    for how in (one for one in How if one is not How.STALL):  # a session that stalls is let go by the server after seconds: a moment of its own
        for name in _SCENARIOS:
            first.to_store.arm(how, at=0)
            _ask(first, name, f"count-{how}-{name}")
            yield from (f"{how}/{name}/{number}" for number in range(1, first.to_store.asks + 1))


def _warmed(gateway: Gateway, key: str) -> None:
    for number in range(_WARM):
        gateway.attempt(f"warm-{key}-{gateway.number}-{number}")


def _strike(fleet: Fleet, case: str) -> str:
    how, name, at = case.split("/")
    struck, other = fleet.gateways[int(at) % _GATEWAYS], fleet.gateways[(int(at) + 1) % _GATEWAYS]
    for gateway in fleet.gateways:
        gateway.to_store.arm(How(how), at=0)
    struck.to_store.arm(How(how), at=int(at))
    first = _ask(struck, name, case)
    _warmed(struck, case)  # what was struck works on
    if isinstance(first, Commit) and first.outcome in {Outcome.SUCCEEDED, Outcome.DENIED}:
        expected = first.outcome
    else:
        expected = Outcome.DENIED if name == "denied" else Outcome.SUCCEEDED
    return _ended(other, name, case, expected)


def _ended(gateway: Gateway, name: str, key: str, expected: Outcome) -> str:
    """Asked again elsewhere, it says how it ended, or soon will: what a host has answered is recorded as soon as the store can."""
    told = _ask(gateway, name, key)
    if not isinstance(told, Commit):
        return f"asked again it says {brief(told)}"
    if told.outcome in {Outcome.UNKNOWN, Outcome.IN_PROGRESS}:
        told = gateway.wait_for(told.commit_id, deadline_s=_ENDS_S_MAX) or told
    return "" if told.outcome is expected else f"it ended {brief(told)}, expected {expected}"


def _ask(gateway: Gateway, name: str, key: str) -> object:
    said = _SCENARIOS[name]
    return gateway.attempt(key, action=str(said["action"]), host=str(said.get("host", "apply")), amount_micros=int(said.get("amount_micros", 100_000)))
