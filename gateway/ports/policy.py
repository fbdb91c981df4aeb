"""The policy engine: one question in, one untrusted document out.

1. The engine never decides: it says what came back, and `domain.verdict` says what that means.
2. Anything that is not an answer to this very question is a `PolicyFault` (nobody could find out), never an allow.
3. Gathering questions into one request is the adapter's business; one bad question never spoils its neighbours.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Entrypoint(StrEnum):
    """The two documents a bundle must define, as paths under `data`."""

    COMMIT = "countersign/commit/verdict"
    DECIDE = "countersign/decide/verdict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question to the bundle of one activation."""

    entrypoint: Entrypoint
    activation_number: int
    tenant: str
    input_json: bytes  # the policy input, UTF-8 JSON, payload spliced in as it was scanned
    deadline_s: float  # on the clock of `asyncio.get_running_loop().time()`
    traceparent: str  # W3C trace context, "" when the caller sent none


@dataclass(frozen=True, slots=True)
class Document:
    """The engine answered; `value` is whatever JSON it sent and is not yet trusted."""

    value: object


@dataclass(frozen=True, slots=True)
class Undefined:
    """The entrypoint has no value for this question."""


@dataclass(frozen=True, slots=True)
class Erred:
    """Asked alone, this question makes the engine err (`message` is the engine's, at most 500 characters)."""

    message: str


PolicyAnswer = Document | Undefined | Erred


class PolicyEngine(Protocol):
    """Raises `domain.faults.PolicyFault` when there is no answer in time."""

    async def ask(self, question: Question) -> PolicyAnswer: ...

    def ready(self) -> bool:
        """True while a healthy engine serves the activation in force."""
        ...
