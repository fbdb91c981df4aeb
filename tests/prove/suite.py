"""What a suite is: a function from an assignment to a report. Everything else of `make prove` is the frame around it.

1. A suite is a module with `def run(given: Assignment) -> Report`, named in `table.py`. It runs in a process of its own.
2. The same seed and volume give the same cases. A case has a name; `only` runs that one case again, as it was.
3. What could not be tried is a failure, said in a sentence: nothing is skipped, and nothing is proved by absence.
4. A suite ends its own processes, by their ids, and writes in `folder` alone.
5. Its cases may be shared out among several processes, each of which takes those that are its own. No case depends on another, nor on where it runs.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

Case = TypeVar("Case")

FAILURES_MAX: Final = 20  # where nobody says otherwise


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
    note: str = ""  # for the table: what is true of the whole suite ("at 412 moments")
    counted: Mapping[str, int] = field(default_factory=dict)  # and what was counted besides: {"torn": 96}

    @property
    def remark(self) -> str:
        """Note and counts, for a person."""
        return "; ".join(filter(None, [self.note, ", ".join(f"{count} {what}" for what, count in sorted(self.counted.items()))]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What one run of a suite is asked."""

    volume: int  # cases; 0 for a suite that has as many as it has
    seed: int
    only: str  # the name of one case, or ""
    folder: Path  # its own, short enough for sockets, thrown away afterwards
    told: Callable[[int], None]  # progress: how many cases have ended
    part: int = 0  # of `parts` that share the cases
    parts: int = 1
    failures_max: int = FAILURES_MAX  # after so many there is nothing more to learn

    @property
    def share(self) -> int:
        """How many of `volume` cases are this part's."""
        return len(range(self.part, self.volume, self.parts))

    def own(self, cases: Iterable[Case]) -> Iterable[Case]:
        """Those of all the cases that this part runs: every so-manyth, so that what is slow is shared out too."""
        return islice(cases, self.part, None, self.parts)

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
    """Runs `try_out` on every case of this part, or on the one named; it answers what is wrong, or "". Stops after `failures_max`."""
    failures: list[Failure] = []
    done = 0
    for case in [given.only] if given.only else given.own(cases):
        wrong = try_out(case)
        done += 1
        given.told(done)
        if wrong:
            failures.append(Failure(case=case, what=wrong))
            if len(failures) == given.failures_max:
                break
    return Report(volume=done, failures=tuple(failures))


def together(parts: Sequence[Report]) -> Report:
    """What the parts of one suite found, as one report."""
    counted: dict[str, int] = {}
    for what, count in (pair for part in parts for pair in part.counted.items()):
        counted[what] = counted.get(what, 0) + count
    return Report(
        volume=sum(part.volume for part in parts), failures=tuple(failure for part in parts for failure in part.failures),
        note="; ".join(dict.fromkeys(part.note for part in parts if part.note)), counted=counted,
    )  # fmt: skip
