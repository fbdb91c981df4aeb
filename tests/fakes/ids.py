"""Ids that can be read: id-1, id-2, … in the order they were asked for."""

from itertools import count


class CountingIds:
    """Implements `ports.system.Ids`."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def fresh(self) -> str:
        return f"id-{next(self._numbers):06d}"
