"""Linearizability by the algorithm of Wing and Gong with Lowe's memory: is there one order of the operations, each somewhere between its call and its
return, that a sequential specification allows?

1. Knows nothing of what the operations are: `step` answers the next state, or None where the specification forbids the operation there.
2. An operation without a return (`ends_s` infinite) may have happened at any time after its call, or never, when it is `optional`.
3. What changes no state is put in as soon as it is allowed: waiting can only forbid it. So an operation that changes nothing in one state must
   change nothing in any other. All else is tried in every order, each place and state once.
4. Of optional operations that ask the same, one is tried: whichever of them it was, the others may come at any later time all the same.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

State = TypeVar("State", bound=Hashable)
What = TypeVar("What", bound=Hashable)

PLACES_MAX = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Op(Generic[What]):
    """Times are on any one clock, in seconds. What is optional has no return."""

    what: What
    begins_s: float
    ends_s: float
    optional: bool = False


class TooMany(Exception):
    """More places than are looked at: nothing was found out."""


def linearizable(ops: Sequence[Op[What]], start: State, step: Callable[[State, What], State | None], *, places_max: int = PLACES_MAX) -> Sequence[Op[What]]:
    """Empty when there is such an order; else what could not be put in at the furthest place that was reached. Raises `TooMany`."""
    ops = sorted(ops, key=lambda op: op.begins_s)
    required = sum(1 << place for place, op in enumerate(ops) if not op.optional)
    pending: list[tuple[int, State]] = [(0, start)]
    seen: set[tuple[int, State]] = {(0, start)}
    furthest = 0
    while pending:
        done, state = _with_reads(ops, *pending.pop(), step)
        if done & required == required:
            return ()
        if (done & required).bit_count() >= (furthest & required).bit_count():
            furthest = done
        for place in sorted(_distinct(ops, _candidates(ops, done)), key=lambda place: -ops[place].ends_s):  # the most urgent is tried first
            following = step(state, ops[place].what)
            if ops[place].optional and following == state:
                continue  # it may as well never have happened
            if following is not None and (there := (done | 1 << place, following)) not in seen:
                seen.add(there)
                pending.append(there)
        if len(seen) > places_max:
            raise TooMany(f"{len(ops)} operations have more than {places_max} places")
    return [ops[place] for place in _candidates(ops, furthest)]


def _with_reads(ops: Sequence[Op[What]], done: int, state: State, step: Callable[[State, What], State | None]) -> tuple[int, State]:
    """The same place with everything put in that is allowed there and changes nothing."""
    found = True
    while found:
        found = False
        for place in _candidates(ops, done):
            if not ops[place].optional and step(state, ops[place].what) == state:
                done, found = done | 1 << place, True
    return done, state


def _distinct(ops: Sequence[Op[What]], places: Sequence[int]) -> list[int]:
    """Without the optional ones that ask what another of them asks."""
    asked = {ops[place].what: place for place in reversed(places) if ops[place].optional}
    return [place for place in places if not ops[place].optional or asked[ops[place].what] == place]


def _candidates(ops: Sequence[Op[What]], done: int) -> list[int]:
    """Those that may come next: none of the rest had returned before they began. `ops` are in the order in which they began."""
    found: list[int] = []
    first_s = inf  # when the first of the rest had returned: none that begins later returns sooner
    for place in range((~done & (done + 1)).bit_length() - 1, len(ops)):
        if done >> place & 1:
            continue
        if ops[place].begins_s > first_s:
            break
        found.append(place)
        first_s = min(first_s, ops[place].ends_s)
    return found
