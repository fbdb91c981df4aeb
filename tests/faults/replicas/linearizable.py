"""Histories of four gateways on one PostgreSQL: a caller at each, the same keys, an operator, SIGKILL of a gateway or of the server in the middle.

1. What all callers were told has to fit into one order that the contract allows, as if there were one gateway that did one thing after the other.
2. A history has a run and keys of its own, and is judged by our own checker and by Porcupine, which have to agree, on a spoilt copy of it too.
3. Afterwards the fleet's own check holds store, host and callers against each other as well.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from tests.faults.replicas.fleet import Fleet
from tests.faults.replicas.gateway import FleetBroken
from tests.prove.suite import Assignment, Failure, Report, each
from tests.simulation.histories import Recorder
from tests.simulation.history import History
from tests.simulation.porcupine.judging import Judges
from tests.simulation.porcupine.opinion import NoPorcupine, Porcupine
from tests.simulation.real_histories import LASTS_S, LIMIT, Play, caller, lift_all, operator

_GATEWAYS: Final = 4
_LINES: Final = 12


def run(given: Assignment) -> Report:
    try:
        with Porcupine(given.folder) as porcupine:
            return _judged(given, Judges(porcupine))
    except NoPorcupine as why:
        return Report(volume=0, failures=(Failure(case="", what=str(why)),))


def _judged(given: Assignment, judges: Judges) -> Report:
    asked = 0
    with Fleet(given.folder, size=_GATEWAYS, read_timeout_ms=400) as fleet:

        def one(case: str) -> str:
            nonlocal asked
            recorder = Recorder()
            try:
                history, wrong = _history(fleet, f"{given.seed}-{case}", given, case, recorder)
                wrong += judges.wrong(history, given.draw(f"{case}/spoilt"), spoils=1.0)
            except (FleetBroken, NoPorcupine) as why:
                wrong = [str(why)]
            asked += len(recorder.ops)
            return "\n".join(wrong[:_LINES])

        report = each(given, [f"history-{number}" for number in range(given.volume)], one)
        wrong = fleet.check_settled()
    at_the_end = tuple(Failure(case="", what=f"at the end: {what}") for what in wrong)
    counted = {"operations": asked, **judges.counted}
    return Report(volume=report.volume, failures=(*report.failures, *at_the_end), note=f"{_GATEWAYS} gateways", counted=counted)


def _history(fleet: Fleet, name: str, given: Assignment, case: str, recorder: Recorder) -> tuple[History, list[str]]:
    chance, until_s = given.draw(case), time.monotonic() + LASTS_S
    plays = [Play(arena=gateway, name=name, chance=chance, until_s=until_s, recorder=recorder) for gateway in fleet.gateways]
    threads = [threading.Thread(target=caller, args=(play, number)) for number, play in enumerate(plays)]
    threads.append(threading.Thread(target=operator, args=(plays[chance.randrange(_GATEWAYS)],)))
    for thread in threads:
        thread.start()
    for strike in chance.choices([_kill_one(fleet, chance.randrange(_GATEWAYS)), fleet.crash_server], weights=[3, 1], k=chance.choice([0, 1, 1, 2])):
        time.sleep(chance.random() * LASTS_S / 2)
        strike()
    for thread in threads:
        thread.join()
    lift_all(fleet.gateways[0])
    wrong = fleet.check_settled()
    stored = [row for row in fleet.stored().books.commits if row.run_id == name]
    return recorder.history(stored, limit=LIMIT), wrong


def _kill_one(fleet: Fleet, number: int) -> Callable[[], None]:
    def kill() -> None:
        fleet.gateways[number].kill()
        fleet.gateways[number].start()

    return kill
