"""Clock and ids, as a port: nothing else asks what time it is or makes an id."""

from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Wall clock, Unix milliseconds, UTC."""
        ...

    def boot_s(self) -> float:
        """CLOCK_BOOTTIME in seconds: does not jump, does not stop while the machine sleeps."""
        ...


class Ids(Protocol):
    def fresh(self) -> str:
        """An opaque id of at least 128 random bits, URL-safe."""
        ...
