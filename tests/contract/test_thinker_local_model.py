"""The runner against a real language model: the machinery is real and bounded. It says nothing about judgement, and needs none.

The model is the example's, a process of its own; prices and seats come from a server that serves the example's own catalogue.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping

import pytest

from examples.subscription.billing.catalogue import CURRENCY, PLANS
from gateway.adapters.agent_runner import AgentRunner
from gateway.domain.reasons import DecideStop
from gateway.ports.agent import Brief, Meter, ThinkLimits, Thought
from tests.fakes.processes import served
from tests.fakes.thinking import billing_tools, model_spec
from tests.fakes.tool_host import ToolHost

PLAN_LIST = {
    "currency": CURRENCY,
    "plans": [{"plan": name, "seats_max": plan.seats_max, "monthly_price_micros": plan.monthly_price_micros} for name, plan in PLANS.items()],
}
PAGES = {"/plans": json.dumps(PLAN_LIST).encode(), "/accounts/harbour/seats": b'{"account": "harbour", "seats_needed": 12, "seats_paid": 5}'}
FITTING = {"team_pro": "up to 25 seats", "enterprise": "up to 500 seats"}
READS = ("billing.list_plans",)


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with served("examples.local_model", "--port", "0") as url:
        yield url


async def thought_of(
    base_url: str,
    *,
    options: Mapping[str, str] = FITTING,
    tools: tuple[str, ...] = (),
    rationale: str = "after",
    steps_max: int = 2,
    tokens_max: int = 4_000,
    wall_ms_max: int = 60_000,
) -> Thought:
    async with ToolHost(PAGES) as host:
        runner = AgentRunner({"local": model_spec(base_url, model="smollm2")}, billing_tools(host.origin))
        brief = Brief(
            decision_id="d-1",
            goal="Pick the cheapest plan that fits the team.",
            options=options,
            context={"account": "harbour", "team_size": 12},
            reads=READS,
            tools=tools,
            models=("local",),
            rationale=rationale,
            limits=ThinkLimits(steps_max=steps_max, tool_calls_max=4, tokens_max=tokens_max, spend_micros_max=2_000, wall_ms_max=wall_ms_max),
            deadline_s=asyncio.get_running_loop().time() + wall_ms_max / 1000,
            traceparent="",
        )
        thought = await runner.think(brief, Meter())
        await runner.close()
    return thought


async def test_the_example_is_decided_in_one_step(base_url: str) -> None:
    """`select_plan` of the example, as the workflow asks it: one read, one question, `team_pro`, with the tokens the server counted."""
    thought = await thought_of(base_url, tools=("billing.seat_usage",), steps_max=4)

    assert (thought.stop, thought.option, thought.steps) == (DecideStop.FINAL_RESULT, "team_pro", 1)
    assert 0 < thought.tokens_in < 400
    assert 0 < thought.tokens_out < 400
    assert thought.rationale
    assert [(one.tool, one.ok, one.prefetched) for one in thought.evidence] == [("billing.list_plans", True, True)]


async def test_one_step_without_a_rationale(base_url: str) -> None:
    """The shortest thinking there is, with the options the other way round."""
    thought = await thought_of(base_url, rationale="none", steps_max=1, options=dict(reversed(FITTING.items())))

    assert (thought.stop, thought.option, thought.rationale) == (DecideStop.FINAL_RESULT, "team_pro", "")


async def test_the_server_holds_to_the_options(base_url: str) -> None:
    """Its grammar knows the schema; nothing outside the list comes back, however odd the list."""
    thought = await thought_of(base_url, rationale="none", options={"ja": "the first", "\u00e4 \u2192 \u00df": "the second"})

    assert thought.stop in {DecideStop.FINAL_RESULT, DecideStop.ABSTAINED}
    assert thought.option in {"", "ja", "\u00e4 \u2192 \u00df"}


async def test_a_real_model_is_stopped_by_the_wall_clock(base_url: str) -> None:
    """In the middle of its answer; it answers the next question all the same."""
    stopped = await thought_of(base_url, wall_ms_max=150)
    after = await thought_of(base_url, rationale="none")

    assert (stopped.stop, stopped.steps) == (DecideStop.TIMEOUT, 1)
    assert after.stop is DecideStop.FINAL_RESULT


async def test_tokens_that_do_not_carry_the_prompt_ask_nothing(base_url: str) -> None:
    """Before a single one is used."""
    thought = await thought_of(base_url, tokens_max=500)

    assert (thought.stop, thought.steps, thought.tokens_in) == (DecideStop.BUDGET_LIMIT, 0, 0)
