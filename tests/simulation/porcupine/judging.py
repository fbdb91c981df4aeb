"""A history is judged twice, by our own checker and by Porcupine, and a spoilt copy of it too: where they do not agree, the case fails.

1. A verdict counts where both have found it. One that gave up has found nothing: the case fails as well.
2. The spoilt copies keep "linearizable" from being all that either of them ever says.
"""

import random
from typing import Protocol

from tests.simulation.history import History
from tests.simulation.porcupine.opinion import LINEARIZABLE, NOT_LINEARIZABLE
from tests.simulation.porcupine.spoiling import spoilt


class Second(Protocol):
    """Who is asked beside our own checker."""

    def verdict(self, history: History) -> str: ...


class Judges:
    def __init__(self, second: Second) -> None:
        self._second = second
        self._judged = self._spoilt = self._refused = 0

    @property
    def note(self) -> str:
        return f"{self._judged} also by Porcupine, which as our checker did refused {self._refused} of {self._spoilt} spoilt copies"

    def wrong(self, history: History, draw: random.Random, *, spoils: float) -> list[str]:
        """What is wrong with the history or with a judge; a share of the histories is spoilt. Raises `TooMany` and `NoPorcupine`."""
        left, apart = self._judge(history)
        self._judged += not apart
        return apart + left + (self._spoil(history, draw) if draw.random() < spoils else [])

    def _spoil(self, history: History, draw: random.Random) -> list[str]:
        worse = spoilt(history, draw)
        if worse is None:
            return []
        left, apart = self._judge(worse.history)
        unseen = ["neither judge has noticed"] if worse.surely and not left else []
        self._spoilt += 1
        self._refused += bool(left and not apart)
        return [f"a spoilt copy ({worse.name}): {what}" for what in apart + unseen]

    def _judge(self, history: History) -> tuple[list[str], list[str]]:
        """What fits into no order, and what the judges do not agree on."""
        left = [f"fits nowhere: {op}" for op in history.left()]
        first, second = NOT_LINEARIZABLE if left else LINEARIZABLE, self._second.verdict(history)
        return left, [] if first == second else [f"our checker says {first}; Porcupine says {second}"]
