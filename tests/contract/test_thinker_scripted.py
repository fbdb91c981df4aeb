"""The scripted model of the examples, as a process: what a file says is what an agent gets, and the gateway's runner is not impressed."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.adapters.agent_runner import AgentRunner
from gateway.domain.reasons import DecideStop
from gateway.ports.agent import Brief, Meter, ThinkLimits, Thought
from tests.fakes.processes import ROOT, served
from tests.fakes.thinking import model_spec

MODULE = "examples.local_model.scripted"


async def thought_of(base_url: str) -> Thought:
    runner = AgentRunner({"scripted": model_spec(base_url, name="scripted")}, {})
    brief = Brief(
        decision_id="d-1",
        goal="Pick the cheapest plan that fits the team.",
        options={"team_pro": "up to 25 seats", "enterprise": "up to 500 seats"},
        context={},
        reads=(),
        tools=(),
        models=("scripted",),
        rationale="after",
        limits=ThinkLimits(steps_max=2, tool_calls_max=0, tokens_max=4_000, spend_micros_max=2_000, wall_ms_max=10_000),
        deadline_s=asyncio.get_running_loop().time() + 10,
        traceparent="",
    )
    thought = await runner.think(brief, Meter())
    await runner.close()
    return thought


async def test_steps_come_in_order_and_the_last_one_again(tmp_path: Path) -> None:
    """A decision first, then for ever an option that nobody offered."""
    script, ready = tmp_path / "script.json", tmp_path / "ready"
    script.write_text(
        json.dumps([{"action": "decide", "option": "enterprise"}, "Sure!", {"action": "decide", "option": "platinum", "rationale": "the shiniest"}])
    )

    with served(MODULE, "--port", "0", "--script", str(script), "--ready-file", str(ready)) as base_url:
        announced = ready.read_text().strip()
        thoughts = [await thought_of(base_url) for _ in range(3)]

    assert announced == base_url
    assert not ready.exists()
    assert [(one.stop, one.option, one.steps) for one in thoughts] == [
        (DecideStop.FINAL_RESULT, "enterprise", 1),
        (DecideStop.INVALID_OPTION, "platinum", 2),  # after an answer that was no step object
        (DecideStop.INVALID_OPTION, "platinum", 1),
    ]


@pytest.mark.parametrize("content", ["", "[]", "{}", "[7]", "no json"])
def test_a_script_that_is_none_is_told(tmp_path: Path, content: str) -> None:
    """By its path, and with a failing exit code."""
    script = tmp_path / "script.json"
    script.write_text(content)

    ended = subprocess.run(
        [sys.executable, "-m", MODULE, "--port", "0", "--script", str(script)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 1
    assert str(script) in ended.stderr
    assert "Traceback" not in ended.stderr
