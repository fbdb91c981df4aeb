"""A real HTTP server on the loopback that speaks chat completions, as told: well, badly, or with intent.

1. One behaviour per question, in order; the last one again and again. A behaviour is a coroutine over the request and what was asked.
2. `asked` is every question that reached it, `headers` what came with each: what a model server can see is what is written down here.
3. It never keeps a test waiting: leaving the context ends whatever a behaviour is still doing.
"""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

Behaviour = Callable[[web.Request, Mapping[str, Any]], Awaitable[web.StreamResponse]]

USAGE: Final = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
_BODY_BYTES_MAX: Final = 1 << 20
_DRIP_S: Final = 0.02


class ModelServer:
    """`async with ModelServer(says("team_pro")) as server: … server.base_url`."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self._behaviours = behaviours
        self.asked: list[Mapping[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.reached = asyncio.Event()  # set by the first question
        self.together_max = 0  # questions being answered at the same time
        self._together = 0
        self.base_url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_BODY_BYTES_MAX)
        app.add_routes([web.post("/v1/chat/completions", self._complete)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.0, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._runner.cleanup()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        behaviour = self._behaviours[min(len(self.asked), len(self._behaviours) - 1)]
        self.asked.append(asked)
        self.headers.append(dict(request.headers))
        self.reached.set()
        self._together += 1
        self.together_max = max(self.together_max, self._together)
        try:
            return await behaviour(request, asked)
        finally:
            self._together -= 1


def decides(option: str, *, usage: object = USAGE, rationale: str = "it fits") -> Behaviour:
    return answers({"action": "decide", "option": option, "rationale": rationale}, usage=usage)


def calls(tool: str, args: Mapping[str, object] | None = None) -> Behaviour:
    return answers({"action": "call_tool", "tool": tool, "args": args or {}, "option": "team_pro"})


def answers(step: object, *, usage: object = USAGE) -> Behaviour:
    return content(json.dumps(step), usage=usage)


def content(text: str | None, *, usage: object = USAGE, finish: object = "stop", refusal: object = None) -> Behaviour:
    """A well-formed envelope around any text."""

    async def behave(_: web.Request, __: Mapping[str, Any]) -> web.StreamResponse:
        return web.json_response(envelope(text, usage=usage, finish=finish, refusal=refusal))

    return behave


def calls_natively(tool: str, times: int) -> Behaviour:
    """Many tool calls at once, in the way of servers that call tools by themselves: nobody asked it to."""
    called = [{"id": f"t{number}", "type": "function", "function": {"name": tool, "arguments": "{}"}} for number in range(times)]
    message = {"role": "assistant", "content": None, "tool_calls": called}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
    return body(json.dumps({"id": "c1", "object": "chat.completion", "model": "fake", "choices": [choice], "usage": USAGE}).encode())


def envelope(text: str | None, *, usage: object = USAGE, finish: object = "stop", refusal: object = None) -> Mapping[str, object]:
    message = {"role": "assistant", "content": text} | ({} if refusal is None else {"refusal": refusal})
    told = {} if usage is None else {"usage": usage}
    return {"id": "c1", "object": "chat.completion", "model": "fake", "choices": [{"index": 0, "finish_reason": finish, "message": message}], **told}


def reacts(think: Callable[[str], object]) -> Behaviour:
    """A model that believes what it reads: `think` gets all the messages as one text and gives a step object."""

    async def behave(_: web.Request, asked: Mapping[str, Any]) -> web.StreamResponse:
        prompt = "\n".join(message["content"] for message in asked["messages"])
        return web.json_response(envelope(json.dumps(think(prompt))))

    return behave


def body(raw: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Behaviour:
    """These very bytes as the whole body."""

    async def behave(_: web.Request, __: Mapping[str, Any]) -> web.StreamResponse:
        return web.Response(body=raw, status=status, content_type="application/json", headers=headers)

    return behave


def status(code: int, *, headers: Mapping[str, str] | None = None) -> Behaviour:
    return body(b'{"error":{"message":"told to","type":"fake"}}', status=code, headers=headers)


def zipped(option: str) -> Behaviour:
    packed = gzip.compress(json.dumps(envelope(json.dumps({"action": "decide", "option": option}))).encode())
    return body(packed, headers={"Content-Encoding": "gzip"})


def floods(size: int, *, code: int = 200) -> Behaviour:
    """A body of `size` bytes, sent as fast as it is taken."""

    async def behave(request: web.Request, _: Mapping[str, Any]) -> web.StreamResponse:
        response = await _begun(request, code)
        for _part in range(size // 65_536):
            await response.write(b" " * 65_536)
        await response.write_eof()
        return response

    return behave


def drips() -> Behaviour:
    """One byte now and then, for ever: no single read ever times out."""

    async def behave(request: web.Request, _: Mapping[str, Any]) -> web.StreamResponse:
        response = await _begun(request, 200)
        while True:
            await response.write(b" ")
            await asyncio.sleep(_DRIP_S)

    return behave


def slowly(behaviour: Behaviour, *, after_s: float) -> Behaviour:
    async def behave(request: web.Request, asked: Mapping[str, Any]) -> web.StreamResponse:
        await asyncio.sleep(after_s)
        return await behaviour(request, asked)

    return behave


def keeps_silent() -> Behaviour:
    """Takes the question and never answers."""

    async def behave(_: web.Request, __: Mapping[str, Any]) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")

    return behave


def stops_halfway(option: str) -> Behaviour:
    """Declares a whole body and closes after half of it."""

    async def behave(request: web.Request, _: Mapping[str, Any]) -> web.StreamResponse:
        whole = json.dumps(envelope(json.dumps({"action": "decide", "option": option}))).encode()
        response = web.StreamResponse(headers={"Content-Length": str(len(whole))})
        await response.prepare(request)
        await response.write(whole[: len(whole) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    return behave


def resets() -> Behaviour:
    """Takes the question and breaks the connection."""

    async def behave(request: web.Request, _: Mapping[str, Any]) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    return behave


async def _begun(request: web.Request, code: int) -> web.StreamResponse:
    response = web.StreamResponse(status=code, headers={"Content-Type": "application/json"})
    await response.prepare(request)
    return response
