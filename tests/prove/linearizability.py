"""Histories of several callers at once, checked for one order that the contract allows: a few of real processes, many of the simulated world.

A case is one history, `real/N` or `simulated/N`; one in forty is real. Real ones share an arena, which is killed and brought up again in most of them.
"""

from dataclasses import replace

from tests.faults.arena import ArenaBroken
from tests.prove.suite import Assignment, Report, each
from tests.simulation.histories import simulated
from tests.simulation.real_histories import HistoryArena, real_history
from tests.simulation.wgl import TooMany

_REAL_EVERY = 40
_LINES = 12


def run(given: Assignment) -> Report:
    real = 0
    with HistoryArena(given.folder) as arena:
        arena.start()

        def try_out(case: str) -> str:
            nonlocal real
            try:
                if case.startswith("real/"):
                    real += 1
                    wrong = real_history(arena, f"{given.seed}-{case.replace('/', '-')}", given.draw(case))
                else:
                    wrong = [*simulated(f"{given.seed}/{case}").wrong]
            except (TooMany, ArenaBroken) as why:
                wrong = [str(why)]
            return "\n".join(wrong[:_LINES])

        cases = [f"{'real' if number % _REAL_EVERY == 0 else 'simulated'}/{number}" for number in range(given.volume)]
        report = each(given, cases, try_out)
        arena.stop()
    return replace(report, note=f"{real} of real processes")
