"""The free-disk reserve: below it no T1 is taken, so that the T2 of every write that has begun can still be written (R9)."""

import os
from pathlib import Path
from typing import Final

from gateway.ports.system import Clock

_LOOK_EVERY_S: Final = 1.0


class Reserve:
    """Looks at most once a second. A disk that cannot be asked counts as full."""

    def __init__(self, folder: Path, *, reserve_bytes: int, clock: Clock) -> None:
        self._folder = folder
        self._reserve_bytes = reserve_bytes
        self._clock = clock
        self._looked_at_s = float("-inf")
        self._lack = ""

    def lack(self) -> str:
        """What is short, for a person; "" when there is room."""
        now_s = self._clock.boot_s()
        if now_s - self._looked_at_s >= _LOOK_EVERY_S:
            self._looked_at_s = now_s
            self._lack = self._look()
        return self._lack

    def _look(self) -> str:
        try:
            disk = os.statvfs(self._folder)
        except OSError as error:
            return f"the disk under {self._folder} does not say how much is free: {error.strerror}"
        free = disk.f_bavail * disk.f_frsize
        if free >= self._reserve_bytes:
            return ""
        return f"{free} bytes are free under {self._folder}, and {self._reserve_bytes} are kept for finishing what has begun; free some, or lower the reserve"
