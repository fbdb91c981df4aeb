"""A model with a door: how many questions are out at once, how many wait, how long one may take, and when it is better left alone.

1. At most `concurrency_max` questions are out; at most `queue_max` more wait, in order; one beyond that is a fault that cost nothing.
2. A question that waits until its deadline was never sent and costs nothing. One that is out longer than `answer_ms_max` is a fault, charged,
   so that the next model still gets its time.
3. A fault that the next question would most likely meet too puts the model aside for `aside_ms`; an answer brings it back. One that this very
   question may have caused (its size, its deadline, its caller) does not: nobody can put a model aside for others.
4. Whoever asks is never refused because a model is aside: choosing another is the caller's, who knows what else there is.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.models.port import Answer, Model, ModelFault, Question
from agent.models.spec import ModelSpec

_TOO_LATE_S = 0.005  # a turn that comes with less than this left is of no use


class Turns:
    """A `Model` in front of a `Model`, whose own turns are not asked for. Make it inside a running loop."""

    def __init__(self, model: Model, spec: ModelSpec) -> None:
        self._model = model
        self._spec = spec
        self._free = asyncio.Semaphore(spec.concurrency_max)
        self._waiting = 0
        self._aside_until_s = 0.0

    @property
    def aside(self) -> bool:
        """True while another model is the better choice."""
        return asyncio.get_running_loop().time() < self._aside_until_s

    @asynccontextmanager
    async def turn(self, deadline_s: float) -> AsyncIterator[ModelFault | None]:
        """Held until the block is left."""
        if self._free.locked() and self._waiting >= self._spec.queue_max:
            yield ModelFault(detail=f"its queue is full: {self._spec.concurrency_max} questions are out and {self._waiting} wait", charged=False)
        elif not await self._came(deadline_s):
            yield ModelFault(detail="no turn came before the deadline", charged=False)
        else:
            try:
                yield None
            finally:
                self._free.release()

    async def ask(self, question: Question) -> Answer | ModelFault:
        heard = await self._within(question)
        if isinstance(heard, Answer):
            self._aside_until_s = 0.0
        elif heard.lasting:
            self._aside_until_s = asyncio.get_running_loop().time() + self._spec.aside_ms / 1000
        return heard

    async def _came(self, deadline_s: float) -> bool:
        self._waiting += 1
        try:
            async with asyncio.timeout_at(deadline_s - _TOO_LATE_S):
                await self._free.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    async def _within(self, question: Question) -> Answer | ModelFault:
        own = asyncio.timeout(self._spec.answer_ms_max / 1000)
        try:
            async with own:
                return await self._model.ask(question)
        except TimeoutError:
            if not own.expired():
                raise
        return ModelFault(detail=f"no answer within {self._spec.answer_ms_max} ms", charged=True, lasting=True)

    async def close(self) -> None:
        await self._model.close()
