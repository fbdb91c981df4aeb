"""A policy engine in memory: a script answers, and the test says when it is down or hangs. It sits the same exam as OPA."""

import asyncio
import json
from collections.abc import Callable

from gateway.domain.faults import PolicyFault
from gateway.ports.policy import Document, Entrypoint, PolicyAnswer, Question

Script = Callable[[Entrypoint, dict[str, object]], PolicyAnswer]

ALLOW = Document({"allow": True, "reasons": []})


def deny(code: str, detail: str | None = None) -> Document:
    """A well-formed denial with one reason."""
    return Document({"allow": False, "reasons": [{"code": code} | ({} if detail is None else {"detail": detail})]})


class FakePolicyEngine:
    """Allows everything unless told otherwise; `questions` keeps what was asked, in order."""

    def __init__(self, script: Script = lambda _entrypoint, _input: ALLOW) -> None:
        self.script = script
        self.questions: list[Question] = []
        self._up = True
        self._retired: set[int] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def ask(self, question: Question) -> PolicyAnswer:
        self.questions.append(question)
        if not self._up:
            raise PolicyFault("the fake policy engine is down")
        if question.activation_number in self._retired:
            raise PolicyFault(f"no policy engine serves activation {question.activation_number}")
        try:
            async with asyncio.timeout_at(question.deadline_s):
                await asyncio.sleep(0)  # yield, as any answer from outside would; also lets a deadline in the past strike
                await self._flowing.wait()
        except TimeoutError:
            raise PolicyFault("the fake policy engine gave no verdict before the deadline") from None
        return self.script(question.entrypoint, json.loads(question.input_json))

    def ready(self) -> bool:
        return self._up

    def kill(self) -> None:
        """Every question is a fault until `revive`."""
        self._up = False

    def revive(self) -> None:
        self._up = True

    def stall(self) -> None:
        """Questions hang until `flow`, or until their deadline."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    def retire(self, number: int) -> None:
        """Questions of this activation are faults from now on."""
        self._retired.add(number)
