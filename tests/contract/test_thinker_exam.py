"""The exam of the `Thinker` port: taken by the runner over a real model server, and by the fake that other tests use instead.

1. A decision names an option of the brief; its usage is what the meter says.
2. The deadline of the brief is an end like any other. Cancellation passes, and leaves the call in flight in the meter.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import pytest

from gateway.adapters.agent_runner import AgentRunner
from gateway.domain.reasons import DecideStop
from gateway.ports.agent import Brief, Meter, Thinker, ThinkLimits
from tests.fakes.model_server import ModelServer, decides, keeps_silent
from tests.fakes.thinker import FakeThinker, Says
from tests.fakes.thinking import model_spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    thinker: Thinker
    reached: asyncio.Event  # set once a model call is in flight


class Entrant(Protocol):
    def __call__(self, *, silent: bool) -> AbstractAsyncContextManager[Taker]: ...


@asynccontextmanager
async def the_runner(*, silent: bool) -> AsyncIterator[Taker]:
    async with ModelServer(keeps_silent() if silent else decides("enterprise")) as server:
        runner = AgentRunner({"local": model_spec(server.base_url)}, {})
        yield Taker(thinker=runner, reached=server.reached)
        await runner.close()


@asynccontextmanager
async def the_fake(*, silent: bool) -> AsyncIterator[Taker]:
    thinker, reached = FakeThinker(Says(option=None if silent else "enterprise", tokens_reserved=500)), asyncio.Event()
    if silent:
        thinker.hold()

    async def tell() -> None:
        await thinker.until_thinking()
        await asyncio.sleep(0)
        reached.set()

    telling = asyncio.create_task(tell())
    yield Taker(thinker=thinker, reached=reached)
    telling.cancel()


def brief(*, deadline_in_s: float = 10.0) -> Brief:
    return Brief(
        decision_id="d-1",
        goal="Pick the cheapest plan that fits the team.",
        options={"team_pro": "up to 25 seats", "enterprise": "up to 500 seats"},
        context={"account": "harbour"},
        reads=(),
        tools=(),
        models=("local",),
        rationale="after",
        limits=ThinkLimits(steps_max=2, tool_calls_max=0, tokens_max=4_000, spend_micros_max=2_000, wall_ms_max=10_000),
        deadline_s=asyncio.get_running_loop().time() + deadline_in_s,
        traceparent="",
    )


takers = pytest.mark.parametrize("entrant", [the_runner, the_fake])


@takers
async def test_a_decision_is_within_its_brief_and_metered(entrant: Entrant) -> None:
    """One of the options, within the limits, and nothing left reserved."""
    async with entrant(silent=False) as taker:
        meter = Meter()
        thought = await taker.thinker.think(brief(), meter)

    assert (thought.stop, thought.option) == (DecideStop.FINAL_RESULT, "enterprise")
    assert (thought.steps, thought.tool_calls) == (meter.steps, meter.tool_calls) == (1, 0)
    assert (thought.tokens_in, thought.tokens_out, thought.spend_micros) == (meter.tokens_in, meter.tokens_out, meter.spend_micros)
    assert (meter.tokens_reserved, meter.spend_reserved_micros) == (0, 0)
    assert tuple(meter.evidence) == thought.evidence
    assert len(thought.transcript_sha256) == 32
    assert thought.agent_version


@takers
async def test_a_deadline_is_an_end_like_any_other(entrant: Entrant) -> None:
    """TIMEOUT with what was used, the call in flight included."""
    async with entrant(silent=True) as taker:
        thought = await taker.thinker.think(brief(deadline_in_s=0.1), Meter())

    assert (thought.stop, thought.option) == (DecideStop.TIMEOUT, "")
    assert thought.tokens_in + thought.tokens_out > 0


@takers
async def test_cancellation_passes_and_leaves_the_meter(entrant: Entrant) -> None:
    """The story settles with what stands there."""
    async with entrant(silent=True) as taker:
        meter = Meter()
        thinking = asyncio.create_task(taker.thinker.think(brief(), meter))
        await taker.reached.wait()
        thinking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await thinking

    assert meter.steps == 1
    assert meter.tokens_reserved > 0


@takers
async def test_priced_models_are_known(entrant: Entrant) -> None:
    """Asked before money is held."""
    async with entrant(silent=False) as taker:
        known = taker.thinker.spend_known(("local",))

    assert known


@takers
async def test_every_model_has_seats(entrant: Entrant) -> None:
    """Asked before anything is held."""
    async with entrant(silent=False) as taker:
        seats = taker.thinker.seats("local")

    assert seats > 0
