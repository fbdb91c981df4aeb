"""Many callers at once, each with a key of its own, who ask on, at one gateway after the other, until they have an answer; meanwhile something strikes.

1. A caller's first gateway goes by its number; where no answer came, the next one is asked the very same.
2. `strike` runs beside them and may wait for a number of answers: it comes in the middle, wherever that is.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from countersign import Commit, Reason, Refused
from tests.faults.replicas.fleet import COMES_S_MAX, Fleet

_ASKS_MAX: Final = 40
_PAUSE_S: Final = 0.05

Strike = Callable[[Callable[[int], None]], None]  # is given a function that waits for so many answers


def is_answer(told: Commit | Refused | None) -> bool:
    """A tenant's denials are recorded at a limited rate; beyond it the no is not recorded, and is a no."""
    return told is not None and (isinstance(told, Commit) or told.reason is Reason.TOO_MANY_DENIALS)


def brief(told: object) -> str:
    """For a sentence about what went wrong."""
    if isinstance(told, Commit):
        return " ".join([told.outcome, *(one.reason for one in told.reasons)])
    return told.reason if isinstance(told, Refused) else "nothing"


def unanswered(
    fleet: Fleet, keys: Sequence[str], strike: Strike, *, callers: int, run_id: str = "run", workflow: str = "payments", deadline_s: float = 5.0
) -> list[str]:
    """The keys that got no answer at all."""
    answered = threading.Semaphore(0)

    def ask(number: int) -> str:
        for asked in range(_ASKS_MAX):
            told = fleet.gateways[(number + asked) % len(fleet.gateways)].attempt(keys[number], run_id=run_id, workflow=workflow, deadline_s=deadline_s)
            if is_answer(told):
                answered.release()
                return ""
            time.sleep(_PAUSE_S)  # as a caller would, whose gateway or its store is not there
        return keys[number]

    def wait(count: int) -> None:
        for _ in range(count):
            answered.acquire(timeout=COMES_S_MAX)

    with ThreadPoolExecutor(callers) as pool:
        asking = pool.map(ask, range(len(keys)))
        strike(wait)
        return [key for key in asking if key]
