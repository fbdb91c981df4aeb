"""What callers do while a fault strikes: a handful of writes, each with its own way through the gateway.

1. A scenario gets a key of its own and survives any answer, none included: the gateway may be gone after any of its calls.
2. `again` is what callers do once it is back: the same requests with the same keys.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from countersign import Outcome
from tests.faults.arena import Arena

Scenario = Callable[[Arena, str], None]

_DEADLINE_S: Final = 4.0
_RESENT_S_MAX: Final = 10.0  # a lease, and a look


def applied(arena: Arena, key: str) -> None:
    """T1, one forward, T2."""
    arena.commit(key, deadline_s=_DEADLINE_S)


def refused(arena: Arena, key: str) -> None:
    """Refused by the host, then asked for again in a new generation."""
    first = arena.commit(key, host="refuse", deadline_s=_DEADLINE_S)
    if first is not None and first.outcome is Outcome.FAILED:
        arena.commit(key, host="refuse", supersedes=first.commit_id, deadline_s=_DEADLINE_S)


def denied(arena: Arena, key: str) -> None:
    """Above what policy allows: a record and no forward."""
    arena.commit(key, amount_micros=200_000_000, deadline_s=_DEADLINE_S)


def vanished(arena: Arena, key: str) -> None:
    """Applied without an answer, found out by asking."""
    unknown = arena.commit(key, host="vanish", deadline_s=_DEADLINE_S)
    if unknown is not None:
        arena.wait_for(unknown.commit_id, deadline_s=_DEADLINE_S)


def nobody_to_ask(arena: Arena, key: str) -> None:
    """Broken off at a host that cannot be asked: unknown until an operator speaks."""
    arena.commit(key, host="fail", action="notify", deadline_s=_DEADLINE_S)


def resent(arena: Arena, key: str) -> None:
    """Applied without an answer at a host that dedupes: sent again under the same key once the lease is over."""
    unknown = arena.commit(key, host="vanish", action="order", deadline_s=_DEADLINE_S)
    if unknown is not None:
        arena.wait_for(unknown.commit_id, deadline_s=_RESENT_S_MAX)


def together(arena: Arena, key: str) -> None:
    """Four writes of one run at once: they share a transaction."""
    _at_once(arena, [f"{key}-{number}" for number in range(4)])


def twins(arena: Arena, key: str) -> None:
    """One key three times at once."""
    _at_once(arena, [key] * 3)


def _at_once(arena: Arena, keys: list[str]) -> None:
    with ThreadPoolExecutor(len(keys)) as callers:
        list(callers.map(lambda key: arena.commit(key, deadline_s=_DEADLINE_S), keys))


SCENARIOS: Final[dict[str, Scenario]] = {
    "applied": applied, "refused": refused, "denied": denied, "vanished": vanished, "nobody_to_ask": nobody_to_ask, "together": together, "twins": twins,
    "resent": resent,
}  # fmt: skip
