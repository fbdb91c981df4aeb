"""Limits at the door: commits in flight, recorded denials, and a gateway that is stopping. In memory; a refusal leaves no trace.

1. A commit counts from the door to the end of its kept work, not of its caller.
2. Denials cost a durable row each: beyond 50 a second a tenant is told to slow down instead.
"""

from collections import Counter, deque

from gateway.domain.limits import DENIALS_PER_S_MAX
from gateway.domain.reasons import Reason
from gateway.domain.refusal import Refusal
from gateway.ports.system import Clock


class Doorkeeper:
    def __init__(self, *, in_flight_max: int, clock: Clock) -> None:
        self._in_flight_max = in_flight_max
        self._clock = clock
        self._in_flight: Counter[str] = Counter()
        self._denials: dict[str, deque[float]] = {}
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

    def may_record_denial(self, tenant: str) -> Refusal | None:
        """Takes one of this second's denials."""
        now_s = self._clock.boot_s()
        recent = self._denials.setdefault(tenant, deque(maxlen=DENIALS_PER_S_MAX))
        if len(recent) == DENIALS_PER_S_MAX and now_s - recent[0] < 1.0:
            message = f"more than {DENIALS_PER_S_MAX} denials a second in this tenant; not recorded, not forwarded. Send less, or mend what is denied."
            return Refusal(reason=Reason.TOO_MANY_DENIALS, message=message, retry_after_ms=1_000)
        recent.append(now_s)
        return None
