"""A history is judged twice, by our own checker and by Porcupine, and a spoilt copy of it too: where they do not agree, the case fails.

1. A verdict counts where both have found it. One that gave up has found nothing: the case fails as well.
2. The spoilt copies keep "linearizable" from being all that either of them ever says.
"""

import random
from typing import Protocol

from tests.simulation.history import History
from tests.simulation.porcupine.opinion import LINEARIZABLE, NOT_LINEARIZABLE
from tests.simulation.porcupine.spoiling import spoilt
from tests.simulation.wgl import PLACES_MAX, TooMany


class Second(Protocol):
    """Who is asked beside our own checker."""

    def verdict(self, history: History) -> str: ...


class Judges:
    def __init__(self, second: Second, *, places_max: int = PLACES_MAX) -> None:
        """`places_max` are those that our own checker looks at."""
        self._second = second
        self._places_max = places_max
        self._judged = self._spoilt = self._refused = 0

    @property
    def counted(self) -> dict[str, int]:
        """For the table."""
        return {"also by Porcupine": self._judged, "copies spoilt": self._spoilt, "copies refused by both": self._refused}

    def wrong(self, history: History, draw: random.Random, *, spoils: float) -> list[str]:
        """What is wrong with the history or with a judge; a share of the histories is spoilt. Raises `NoPorcupine`."""
        left, apart = self._judge(history)
        self._judged += not apart
        refused = [f"both judges say {NOT_LINEARIZABLE}", *left] if left and not apart else left
        return apart + refused + (self._spoil(history, draw) if draw.random() < spoils else [])

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
        second = self._second.verdict(history)
        try:
            left = [f"fits nowhere: {op}" for op in history.left(places_max=self._places_max)]
        except TooMany as why:
            return [], [f"our checker gave up, {why}; Porcupine says {second}"]
        first = NOT_LINEARIZABLE if left else LINEARIZABLE
        return left, [] if first == second else [f"our checker says {first}; Porcupine says {second}"]
