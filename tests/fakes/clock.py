"""A clock that stands still until it is told to move."""


class FakeClock:
    """Implements `ports.system.Clock`."""

    def __init__(self, *, now_ms: int = 1_800_000_000_000, boot_s: float = 1_000.0) -> None:
        self._now_ms = now_ms
        self._boot_s = boot_s

    def now_ms(self) -> int:
        return self._now_ms

    def boot_s(self) -> float:
        return self._boot_s

    def advance(self, *, ms: int) -> None:
        """Both clocks, as when time passes."""
        self._now_ms += ms
        self._boot_s += ms / 1000

    def set_wall(self, *, now_ms: int) -> None:
        """The wall clock alone, as when somebody sets it."""
        self._now_ms = now_ms
