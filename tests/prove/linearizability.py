"""Histories of several callers at once, checked for one order that the contract allows: a few of real processes, many of the simulated world.

1. A case is one history, `real/N` or `simulated/N`; one in 39 is real. Real ones share an arena, which is killed and brought up again in most of them.
2. Each is judged by our own checker and by Porcupine, which have to agree: on it, and on a copy that is spoilt (of every real one, of some simulated).
"""

from dataclasses import replace

from tests.faults.arena import ArenaBroken
from tests.prove.suite import Assignment, Failure, Report, each
from tests.simulation.histories import simulated
from tests.simulation.porcupine.judging import Judges
from tests.simulation.porcupine.opinion import NoPorcupine, Porcupine
from tests.simulation.real_histories import HistoryArena, real_history

_REAL_EVERY = 39  # odd: two parts share them
_SPOILT = 0.25
_LINES = 12


def run(given: Assignment) -> Report:
    try:
        with Porcupine(given.folder) as porcupine:
            return _judged(given, Judges(porcupine))
    except NoPorcupine as why:
        return Report(volume=0, failures=(Failure(case="", what=str(why)),))


def _judged(given: Assignment, judges: Judges) -> Report:
    real = 0
    with HistoryArena(given.folder) as arena:
        arena.start()

        def try_out(case: str) -> str:
            nonlocal real
            try:
                if case.startswith("real/"):
                    real += 1
                    history, wrong = real_history(arena, f"{given.seed}-{case.replace('/', '-')}", given.draw(case))
                    wrong += judges.wrong(history, given.draw(f"{case}/spoilt"), spoils=1.0)
                else:
                    wrong = judges.wrong(simulated(f"{given.seed}/{case}"), given.draw(f"{case}/spoilt"), spoils=_SPOILT)
            except (ArenaBroken, NoPorcupine) as why:
                wrong = [str(why)]
            return "\n".join(wrong[:_LINES])

        cases = [f"{'real' if number % _REAL_EVERY == 0 else 'simulated'}/{number}" for number in range(given.volume)]
        report = each(given, cases, try_out)
        arena.stop()
    return replace(report, counted={"of real processes": real, **judges.counted})
