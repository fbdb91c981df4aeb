"""A question that waits for its model's turn: counted, never sent, free."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.models.port import ModelFault
from agent.models.scripted import ScriptedModel
from agent.task import CallOutcome, Stop
from tests.unit.agent.made import DEAR, LIMITS, card, task
from tests.unit.agent.test_runner import DECIDE, READ, Watched, soon, think


class Busy(ScriptedModel):
    """Nobody's turn ever comes."""

    def __init__(self) -> None:
        super().__init__([DECIDE])
        self.waited_for = asyncio.Event()

    @asynccontextmanager
    async def turn(self, deadline_s: float) -> AsyncIterator[ModelFault | None]:
        self.waited_for.set()
        try:
            async with asyncio.timeout_at(deadline_s):
                await asyncio.Event().wait()
        except TimeoutError:
            yield ModelFault(detail="no turn came before the deadline", charged=False)


async def test_a_question_whose_turn_never_came_is_free_and_a_timeout() -> None:
    """It is a counted step, since it was to be asked; nothing was sent."""
    model = Busy()

    ended = await think(task(models=(card(price=DEAR),), within=soon(LIMITS, wall_ms=50)), model)

    assert (ended.stop, ended.usage.steps, ended.usage.tokens_in, ended.usage.spend_micros, model.asked) == (Stop.TIMEOUT, 1, 0, 0, [])
    assert [(one.outcome, one.detail) for one in ended.calls] == [(CallOutcome.FAULTED, "no turn came before the deadline")]


async def test_given_up_while_it_waits_nothing_is_reserved() -> None:
    """Whoever leaves a queue leaves no bill."""
    watch, model = Watched(), Busy()
    thinking = asyncio.create_task(think(task(reads=(READ,)), model, watch=watch))
    await model.waited_for.wait()
    thinking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await thinking

    assert [(usage.steps, usage.tokens_reserved) for usage, _ in watch.told] == [(0, 0)]
