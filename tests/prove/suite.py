"""What a suite is: a function from an assignment to a report. Everything else of `make prove` is the frame around it.

1. A suite is a module with `def run(given: Assignment) -> Report`, named in `table.py`. It runs in a process of its own.
2. The same seed and volume give the same cases. A case has a name; `only` runs that one case again, as it was.
3. What could not be tried is a failure, said in a sentence: nothing is skipped, and nothing is proved by absence.
4. A suite ends its own processes, by their ids, and writes in `folder` alone.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

Case = TypeVar("Case")

FAILURES_MAX: Final = 20  # after so many there is nothing more to learn


class Size(StrEnum):
    QUICK = "quick"  # in CI: every suite together within five minutes
    FULL = "full"  # within twenty
    SOAK = "soak"  # by hand, as long as it takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One case that broke a guarantee."""

    case: str  # what `only` takes to run it again
    what: str  # what was seen, what was expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of an assignment. Fewer cases than `volume` fail it, unless one was asked for by name."""

    volume: int  # cases that ran to their end
    failures: tuple[Failure, ...]
    note: str = ""  # for the table: what else was counted ("412 syncs, 96 of them torn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What one run of a suite is asked."""

    volume: int  # cases; 0 for a suite that has as many as it has
    seed: int
    only: str  # the name of one case, or ""
    folder: Path  # its own, short enough for sockets, thrown away afterwards
    told: Callable[[int], None]  # progress: how many cases have ended

    def draw(self, name: str) -> random.Random:
        """Chance that depends on the seed and `name` alone: a case replayed by itself draws what it drew among others."""
        return random.Random(f"{self.seed}/{name}")  # noqa: S311 - reproducible on purpose


Run = Callable[[Assignment], Report]


def evenly(cases: Sequence[Case], volume: int) -> list[Case]:
    """`volume` of them, spread from first to last; all of them for 0 or when there are no more."""
    if not volume or volume >= len(cases):
        return [*cases]
    if volume == 1:
        return [cases[0]]
    return [cases[round(place * (len(cases) - 1) / (volume - 1))] for place in range(volume)]


def each(given: Assignment, cases: Iterable[str], try_out: Callable[[str], str]) -> Report:
    """Runs `try_out` on every case, or on the one named; it answers what is wrong, or "". Stops after `FAILURES_MAX`."""
    failures: list[Failure] = []
    done = 0
    for case in [given.only] if given.only else cases:
        wrong = try_out(case)
        done += 1
        given.told(done)
        if wrong:
            failures.append(Failure(case=case, what=wrong))
            if len(failures) == FAILURES_MAX:
                break
    return Report(volume=done, failures=tuple(failures))
