"""Limits at the door: commits in flight, and a gateway that is stopping. In memory; a refusal leaves no trace.

1. A commit counts from the door to the end of its kept work, not of its caller.
2. Denials are limited where they are recorded, in T1: only there is every one of them known.
"""

from collections import Counter

from gateway.domain.reasons import Reason
from gateway.domain.refusal import Refusal


class Doorkeeper:
    def __init__(self, *, in_flight_max: int) -> None:
        self._in_flight_max = in_flight_max
        self._in_flight: Counter[str] = Counter()
        self._closed = ""

    def close(self, why: str) -> None:
        """From now on nothing new is taken."""
        self._closed = why

    def enter(self, tenant: str) -> Refusal | None:
        """Counts one in; whoever was let in must `leave`."""
        if self._closed:
            return Refusal(reason=Reason.NOT_READY, message=f"{self._closed}; nothing was forwarded, the same key is safe.", retry_after_ms=1_000)
        if self._in_flight.total() >= self._in_flight_max or self._in_flight[tenant] >= max(1, self._in_flight_max // 2):
            message = f"{self._in_flight.total()} calls are in flight here ({self._in_flight[tenant]} of this tenant); nothing was forwarded."
            return Refusal(reason=Reason.OVERLOADED, message=message, retry_after_ms=100)
        self._in_flight[tenant] += 1
        return None

    def leave(self, tenant: str) -> None:
        self._in_flight[tenant] -= 1
        if not self._in_flight[tenant]:
            del self._in_flight[tenant]
