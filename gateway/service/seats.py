"""Seats before a model: how many thinkings are let near it at once, those that wait for their turn included. In memory; a refusal leaves no trace.

1. A thinking sits down before the first of its models that has a free seat, and keeps it to its end, whichever model it asks in the meantime.
2. Without a free seat before any of them the request is not taken: OVERLOADED, nothing recorded, the same key is safe.
"""

from collections import Counter
from collections.abc import Callable

from gateway.domain.reasons import Reason
from gateway.domain.refusal import Refusal

_RETRY_AFTER_MS = 1_000


class Seats:
    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def take(self, models: tuple[str, ...], seats_of: Callable[[str], int]) -> str | Refusal:
        """The model the seat is before; whoever got one must `leave`."""
        for model in models:
            if self._taken[model] < seats_of(model):
                self._taken[model] += 1
                return model
        told = ", ".join(f"{model} {self._taken[model]}" for model in models) or "no model is named"
        return Refusal(
            reason=Reason.OVERLOADED, message=f"every seat before the models of this step is taken ({told}); nothing was asked.", retry_after_ms=_RETRY_AFTER_MS
        )

    def leave(self, model: str) -> None:
        self._taken[model] -= 1
        if not self._taken[model]:
            del self._taken[model]
