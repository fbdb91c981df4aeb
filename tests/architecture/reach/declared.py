"""What the settings let an agent read: every method, and every place where the model could name somebody, tried."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args, get_type_hints

from gateway.config.settings import Settings
from gateway.config.tools import McpTool, Tool
from gateway.domain.identifiers import IDENTIFYING
from tests.architecture.reach.trying import METHODS, READS, taken, tell

FREE: tuple[Mapping[str, object], ...] = ({"from": "model", "pattern": "[a-z]+"}, {"from": "model", "type": "integer"})
LISTED: Mapping[str, object] = {"from": "model", "enum": ["a", "b"]}
IDENTIFIERS: tuple[Mapping[str, object], ...] = ({"from": "model", "type": "identifier"}, {"from": "model", "type": "identifier", "enum": ["a"]})


def http(url: str = "http://h/p", slots: Mapping[str, object] | None = None, method: str = "GET") -> Callable[[], object]:
    return lambda: Tool.model_validate(_as_written({"description": "d", "method": method, "url": url, "slots": slots or {}, "networks": ["10.0.0.0/8"]}))


def mcp(arguments: Mapping[str, object] | None = None, *, read_only: bool = True) -> Callable[[], object]:
    return lambda: McpTool.model_validate(_as_written({"description": "d", "read_only": read_only, "pin": "0" * 64, "arguments": arguments or {}}))


def complaints() -> Iterator[str]:
    readable = vars(Settings)["readable"]
    assert isinstance(readable, property), "what agents may read is drawn from the settings"
    kinds = get_args(get_args(get_type_hints(readable.fget)["return"])[1])
    if set(kinds) != {Tool, McpTool}:
        yield f"the settings know a kind of tool that is not listed: {kinds}"
    for method in METHODS:
        if taken(http(method=method)) != (method in READS):
            yield f"HTTP method {method!r} in the settings: taken where it must not be, or the other way round"
    if taken(mcp(read_only=False)) or not taken(mcp()):
        yield "the settings allow a tool that nobody says only reads"
    if not taken(http("http://h/{s}?q={q}", {"s": LISTED, "q": FREE[0]})) or not taken(mcp({"topic": FREE[0]})):
        yield "the settings refuse what the model may fill"
    yield from _identifiers()


def _identifiers() -> Iterator[str]:
    for slot in IDENTIFIERS:
        if taken(http("http://h/p?q={s}", {"s": slot})) or taken(mcp({"topic": slot})):
            yield "the settings let the model fill an identifier"
    for slot in FREE:
        if taken(http("http://h/{s}", {"s": slot})):
            yield "the settings let the model fill a segment of a path"
        for word in sorted(IDENTIFYING):
            places = (http(f"http://h/p?q={{{word}}}", {word: slot}), http(f"http://h/p?{word}={{s}}", {"s": slot}), mcp({word: slot}))
            if any(taken(make) for make in places):
                yield f"the settings let the model fill what is called {word}"


def _as_written(declared: object) -> Any:
    """As the reader of settings hands it over: lists as tuples."""
    return json.loads(json.dumps(declared), object_hook=lambda found: {key: tuple(one) if isinstance(one, list) else one for key, one in found.items()})


if __name__ == "__main__":
    tell(complaints())
