"""The allowed tool that tests of MCP vary: the notes of the context's account on a topic the model names."""

from collections.abc import Callable, Mapping

from agent.tools.mcp_listing import seen
from agent.tools.mcp_spec import McpServerSpec, McpToolSpec
from agent.tools.mcp_tool import McpTool
from agent.tools.port import Result
from agent.tools.spec import SlotSpec, SlotType, Source
from tests.fakes.mcp_notes import SEARCH

PIN = seen(SEARCH).pin
ACCOUNT = SlotSpec(source=Source.CONTEXT, type=SlotType.IDENTIFIER, pointer="/account")
TOPIC = SlotSpec(source=Source.MODEL, type=SlotType.STRING, pattern="[a-z ]{1,40}")
NAME = "notes.search"


def server_spec(
    url: str, *, timeout_ms: int = 5_000, networks: tuple[str, ...] = ("127.0.0.0/8",), authorization: str | None = None, ca_file: str | None = None
) -> McpServerSpec:
    return McpServerSpec(name="notes", url=url, networks=networks, timeout_ms=timeout_ms, authorization=authorization, ca_file=ca_file)


def tool_spec(
    server: McpServerSpec,
    *,
    tool: str = "search_notes",
    pin: bytes = PIN,
    read_only: bool = True,
    slots: Mapping[str, SlotSpec] | None = None,
    fixed: Mapping[str, str | int | bool] | None = None,
    result_bytes_max: int = 1_000,
) -> McpToolSpec:
    return McpToolSpec(
        name=NAME,
        description="notes on a topic",
        server=server,
        tool=tool,
        pin=pin,
        read_only=read_only,
        slots={"account": ACCOUNT, "topic": TOPIC} if slots is None else slots,
        fixed={"limit": 3} if fixed is None else fixed,
        result_bytes_max=result_bytes_max,
    )


async def called(server: McpServerSpec, *, told: Callable[[str, str], None] = lambda *_: None, traceparent: str = "") -> Result:
    return await McpTool(tool_spec(server), told).call(args={"topic": "billing"}, context={"account": "harbour"}, traceparent=traceparent)
