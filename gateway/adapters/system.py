"""The machine's clocks and its randomness, behind the port."""

import secrets
import time
from typing import Final

_TIME_BYTES: Final = 6
_RANDOM_BYTES: Final = 16
_DRAWN_AT_ONCE: Final = 256


class SystemClock:
    """Implements `ports.system.Clock`."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def boot_s(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)


class SystemIds:
    """Implements `ports.system.Ids`: milliseconds, then 128 random bits, in lower-case hexadecimal.

    Ids made later sort later, so that an index on them grows at its end. No secret is derived from one.
    """

    def __init__(self) -> None:
        self._drawn: list[bytes] = []  # asking the kernel for each id alone costs more than all the rest of it, and lets go of the interpreter

    def fresh(self) -> str:
        try:
            drawn = self._drawn.pop()
        except IndexError:
            pool = secrets.token_bytes(_DRAWN_AT_ONCE * _RANDOM_BYTES)
            drawn, *rest = (pool[at : at + _RANDOM_BYTES] for at in range(0, len(pool), _RANDOM_BYTES))
            self._drawn.extend(rest)
        return ((time.time_ns() // 1_000_000).to_bytes(_TIME_BYTES, "big") + drawn).hex()
