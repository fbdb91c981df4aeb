"""Tools as a whole gateway has them: a pinned one that changed, and what is remembered between the decisions of a run."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from gateway.adapters.agent_runner import AgentRunner, McpServerSpec, ToolSpec, listed_tools
from gateway.domain.faults import AgentFault
from gateway.ports.agent import Brief, Meter, ThinkLimits, Thought
from tests.fakes.mcp_raw import LISTED, RawMcp, said
from tests.fakes.model_server import ModelServer, decides
from tests.fakes.thinking import model_spec, tool_spec
from tests.fakes.tool_host import ToolHost
from tests.unit.agent.tools.mcp_made import ACCOUNT, NAME, server_spec
from tests.unit.agent.tools.mcp_made import tool_spec as mcp_tool_spec

PLANS = "billing.plans"


def brief(read: str, *, run: str = "acme/activate/r-1") -> Brief:
    return Brief(
        decision_id="d-1",
        goal="Pick the cheapest plan that fits the team.",
        options={"team_pro": "up to 25 seats", "enterprise": "up to 500 seats"},
        context={"account": "harbour"},
        reads=(read,),
        tools=(),
        models=("local",),
        rationale="after",
        limits=ThinkLimits(steps_max=1, tool_calls_max=0, tokens_max=4_000, spend_micros_max=2_000, wall_ms_max=10_000),
        deadline_s=asyncio.get_running_loop().time() + 10,
        traceparent="",
        run=run,
    )


def reading(url: str) -> McpServerSpec:
    return server_spec(url, authorization="Bearer s3cret")


async def test_a_changed_tool_is_told_and_noted_and_the_thinking_goes_on() -> None:
    """Told once, in the evidence each time, and no longer when the server lists it as it was."""
    changed, told = True, list[tuple[str, str]]()

    async def flips(message: Mapping[str, Any], _: web.Request) -> web.StreamResponse | None:
        if message.get("method") != "tools/list" or not changed:
            return None
        return said(message, json.loads(json.dumps(LISTED).replace("an account", "every account")))

    async with ModelServer(decides("team_pro")) as model, RawMcp(flips) as mcp:
        specs = {NAME: mcp_tool_spec(reading(mcp.url), slots={"account": ACCOUNT})}
        runner = AgentRunner({"local": model_spec(model.base_url)}, specs, told=lambda name, why: told.append((name, why)))
        unseen = await runner.look()
        thoughts = [await runner.think(brief(NAME), Meter()) for _ in range(2)]
        disabled = runner.disabled
        changed = False
        after = await runner.think(brief(NAME), Meter())
        await runner.close()

    (why,) = disabled.values()
    assert unseen == {}
    assert why.startswith("its description or schema is not the pinned one (pinned 4af3529674c0, seen ")
    assert told == [(NAME, why), (NAME, "")]
    assert [one.option for one in (*thoughts, after)] == ["team_pro"] * 3
    assert [(one.evidence[0].ok, one.evidence[0].note) for one in thoughts] == [(False, f"it was not called, it is disabled: {why}")] * 2
    assert (after.evidence[0].ok, after.evidence[0].note, runner.disabled) == (True, "", {})


async def test_a_server_that_is_down_is_seen_to_be() -> None:
    """When it is looked at, and when it is listed; neither is a reason not to serve."""
    runner = AgentRunner({}, {NAME: mcp_tool_spec(server_spec("http://127.0.0.1:1/mcp"))})

    assert await runner.look() == {NAME: "no usable answer came"}
    assert runner.disabled == {}
    with pytest.raises(AgentFault, match="no usable answer came"):
        await listed_tools(server_spec("http://127.0.0.1:1/mcp"))


async def thoughts_of(spec: ToolSpec, model: ModelServer, *runs: str) -> list[Thought]:
    runner = AgentRunner({"local": model_spec(model.base_url)}, {PLANS: spec})
    thoughts = [await runner.think(brief(PLANS, run=run), Meter()) for run in runs]
    await runner.close()
    return thoughts


@pytest.mark.parametrize(
    ("fresh_ms", "runs", "cached"),
    [
        pytest.param(0, ("r-1", "r-1"), [False, False], id="each decision reads anew"),
        pytest.param(60_000, ("r-1", "r-1", "r-1"), [False, True, True], id="unless it stays fresh"),
        pytest.param(60_000, ("r-1", "r-2"), [False, False], id="in its run alone"),
    ],
)
async def test_a_later_decision_reads_what_stays_fresh_from_memory(fresh_ms: int, runs: tuple[str, ...], cached: list[bool]) -> None:
    """The digest is the same; the host was not asked."""
    async with ModelServer(decides("team_pro")) as model, ToolHost({"/plans": b"[1]"}) as host:
        spec = replace(tool_spec(PLANS, f"{host.origin}/plans"), fresh_ms=fresh_ms)
        thoughts = await thoughts_of(spec, model, *runs)

    assert [one.evidence[0].cached for one in thoughts] == cached
    assert len({one.evidence[0].result_sha256 for one in thoughts}) == 1
    assert len(host.paths) == cached.count(False)
