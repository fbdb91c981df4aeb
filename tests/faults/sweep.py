"""Strikes a running gateway at one point of one scenario, brings the next one up, lets its callers ask again, and checks everything.

1. A case is `scenario/call/N`: the fault strikes where a thread makes that system call for the Nth time since tracing began.
2. Which points there are is found out by tracing each scenario once; they are the same from run to run but for a few at the ends.
3. A fault that does not end the gateway by itself is followed by SIGKILL, so that every case goes through recovery.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tests.faults.arena import RECOVERS_S_MAX, Arena, ArenaBroken
from tests.faults.scenarios import SCENARIOS
from tests.faults.tracing import NoTracing, Tracing, most_of
from tests.prove.suite import Assignment, Failure, Report, evenly

_LEFT_OVER_S: Final = 0.3  # for what a gateway still does after its last answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """`inject` makes strace's expression for a call and its Nth time; `struck` counts cases that the fault itself ended."""

    calls: tuple[str, ...]
    scenarios: tuple[str, ...]
    inject: Callable[[str, int], str]
    read_timeout_ms: int = 1_500  # of the targets: a lease is some three times as long
    variants: tuple[str, ...] = ("",)  # put before the call in the name of a case

    def run(self, given: Assignment) -> Report:
        try:
            with Arena(given.folder, read_timeout_ms=self.read_timeout_ms) as arena:
                return self._run(given, arena)
        except NoTracing as missing:
            return Report(volume=0, failures=(Failure(case="", what=str(missing)),))

    def _run(self, given: Assignment, arena: Arena) -> Report:
        arena.start()
        cases = [given.only] if given.only else given.own(evenly([*self._points(arena)], given.volume))
        failures: list[Failure] = []
        seen: set[str] = set()
        struck = done = 0
        for number, case in enumerate(cases):
            try:
                ended, wrong = self._strike(arena, case, f"key-{number}")
            except ArenaBroken as broken:
                return Report(volume=done, failures=(*failures, Failure(case=case, what=str(broken))))
            struck += ended
            done += 1
            given.told(done)
            failures += [Failure(case=case, what=what) for what in wrong if what not in seen]
            seen.update(wrong)  # what one case has broken stays broken in the store that all share
            if len(failures) >= given.failures_max:
                break
        failures += [Failure(case="", what=f"at the end: {what}") for what in arena.check_settled() if what not in seen]
        arena.stop()
        return Report(volume=done, failures=tuple(failures[: given.failures_max]), note=f"{struck} ended by the fault itself")

    def _points(self, arena: Arena) -> Iterable[str]:
        for name in self.scenarios:
            with Tracing(arena.pid, log=arena.folder / "points", calls=self.calls) as tracing:
                SCENARIOS[name](arena, f"point-{name}")
                tracing.ended(within_s=_LEFT_OVER_S)
            for call, most in sorted(most_of(arena.folder / "points").items()):
                for variant in self.variants:
                    yield from (f"{name}/{variant}{call}/{number}" for number in range(1, most + 1))

    def _strike(self, arena: Arena, case: str, key: str) -> tuple[bool, list[str]]:
        name, call, number = case.split("/")
        with Tracing(arena.pid, log=arena.folder / "struck", calls=self.calls, inject=self.inject(call, int(number))) as tracing:
            SCENARIOS[name](arena, key)
            ended = tracing.ended(within_s=_LEFT_OVER_S)
        arena.kill()
        began_s = time.monotonic()
        arena.start()
        took_s = time.monotonic() - began_s + arena.spared_s()
        SCENARIOS[name](arena, key)
        late = [f"I10: recovery took {took_s:.1f} s"] if took_s > RECOVERS_S_MAX else []
        return ended, [*late, *arena.check()]
