"""What the runner needs of a model: one question, one answer or one fault, nothing remembered between them.

1. A fault is a value. `charged` says whether the server may have done the work: only a call that certainly was not made, or was
   certainly refused unread, is free.
2. An implementer neither retries nor waits for a better moment: that would be a step nobody counted.
3. The deadline is kept by the caller, who cancels; an implementer leaves no connection behind when it is cancelled.
4. A turn comes first: while a question waits for one nothing is sent, so nothing is reserved and nothing is charged.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from agent.budget import Reported
from agent.prompt import Message
from agent.schema import Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    messages: tuple[Message, ...]
    schema: Mapping[str, object]
    completion_tokens_max: int
    deadline_s: float  # absolute, running loop's clock
    traceparent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer; `raw` is what came, for the transcript's digest."""

    said: Said
    reported: Reported
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFault:
    """`detail` is for a person: what was seen; never a prompt, a payload or a key."""

    detail: str
    charged: bool
    lasting: bool = False  # the next question to this model would most likely meet it too


class Model(Protocol):
    def turn(self, deadline_s: float) -> AbstractAsyncContextManager[ModelFault | None]:
        """Waits for a turn and holds it; a fault where none came, which cost nothing."""
        ...

    async def ask(self, question: Question) -> Answer | ModelFault:
        """Within a turn."""
        ...

    async def close(self) -> None: ...


class AtOnce:
    """For a model without a door: every turn comes at once."""

    def turn(self, deadline_s: float) -> AbstractAsyncContextManager[ModelFault | None]:
        del deadline_s
        return nullcontext()
