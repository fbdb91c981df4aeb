"""Probing a model server: what is seen, whether it can be relied on; over real servers that are good, sloppy or hostile."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from agent.models.check import Probe, Rely, check_model
from agent.models.openai_chat import OpenAIChat
from agent.models.spec import ModelSpec
from tests.fakes.model_server import Behaviour, ModelServer, body, content, envelope, status
from tests.unit.agent.made import FREE


class Good:
    """Keeps every promise; each can be broken by name."""

    def __init__(self, *, broken: str = "", key: str = "k-right") -> None:
        self._broken = broken
        self._key = key
        self._free = asyncio.Semaphore(1)
        self._answered = 0

    async def __call__(self, request: web.Request, asked: Mapping[str, Any]) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self._key}" and self._broken != "wrong key":
            return web.json_response({"error": {"message": "who?"}}, status=401)
        text = asked["messages"][-1]["content"]
        schema = asked["response_format"]["json_schema"]["schema"]
        most = asked["max_completion_tokens"]
        if "text" in schema["properties"]:
            return await self._long(most)
        self._answered += 1
        if self._broken == "parallel" and self._free.locked():
            return web.json_response({}, status=429)
        async with self._free:
            await asyncio.sleep(0.01)
        if self._broken == "schema" and "Markdown" in text:
            return web.json_response(envelope("# North"))
        option = "south" if self._broken == "repeats itself" and self._answered % 2 else "north"
        usage = None if self._broken == "usage" else {"prompt_tokens": 40, "completion_tokens": 9, "total_tokens": 49}
        return web.json_response(envelope(json.dumps({"option": option, "action": "decide"}), usage=usage))

    async def _long(self, most: int) -> web.StreamResponse:
        tokens = most * 30 if self._broken == "length" else most
        if most > 8:
            await self._generate()
        finish = "stop" if self._broken == "said to be cut off" else "length"
        return web.json_response(envelope('{"text": "one two', usage={"prompt_tokens": 20, "completion_tokens": tokens, "total_tokens": 0}, finish=finish))

    async def _generate(self) -> None:
        """A long answer: given up when its caller goes, or gone on with."""
        if self._broken == "cancellation":
            working = asyncio.create_task(self._hold(3.0))
            await asyncio.shield(working)
        else:
            await self._hold(30.0)

    async def _hold(self, seconds: float) -> None:
        async with self._free:
            await asyncio.sleep(seconds)


async def probes(behaviour: Behaviour, *, key: str | None = "k-right", concurrency_max: int = 2) -> dict[str, Probe]:
    async with ModelServer(behaviour) as server:
        spec = ModelSpec(name="m", base_url=server.base_url, model="tiny", api_key=key, price=FREE, concurrency_max=concurrency_max)
        return {probe.name: probe async for probe in check_model(spec, OpenAIChat)}


ALL = ["answers", "schema", "usage", "length", "parallel", "cancellation", "repeats itself", "wrong key"]


async def test_a_good_server_can_be_relied_on_in_everything() -> None:
    """Every probe is made, in order, and says what was seen."""
    found = await probes(Good())

    assert [*found] == ALL
    assert {name: probe.rely for name, probe in found.items()} == dict.fromkeys(ALL, Rely.YES)
    assert found["usage"].seen == "prompt 40, completion 9"
    assert found["length"].seen == "8 tokens of 8 allowed, said to be cut off"
    assert all(probe.then for probe in found.values())


@pytest.mark.parametrize("broken", ["schema", "usage", "length", "parallel", "cancellation", "repeats itself", "wrong key"])
async def test_each_promise_that_is_broken_is_seen(broken: str) -> None:
    """That one and no other."""
    found = await probes(Good(broken=broken))

    assert [name for name, probe in found.items() if probe.rely is not Rely.YES] == [broken]
    assert found[broken].rely is Rely.NO
    assert found[broken].matters is (broken in {"usage", "length"})


async def test_a_cut_that_is_not_said_is_no_finding_but_seen() -> None:
    """The bound was kept; the answer is malformed anyway."""
    found = await probes(Good(broken="said to be cut off"))

    assert (found["length"].rely, found["length"].matters) == (Rely.NO, False)


@pytest.mark.parametrize(
    ("behaviour", "seen"),
    [
        (status(500), "it answered HTTP 500"),
        (status(401), "it answered HTTP 401"),
        (body(b"<html>"), "not a chat completion"),
        (content("Sure! North."), "no decision: malformed"),
        (content(None, refusal="no"), "no decision: refused"),
    ],
)
async def test_without_a_decision_there_is_nothing_more_to_ask(behaviour: Behaviour, seen: str) -> None:
    """One question, one finding."""
    found = await probes(behaviour)

    assert [*found] == ["answers"]
    assert (found["answers"].rely, found["answers"].matters) == (Rely.NO, True)
    assert seen in found["answers"].seen
