"""What a server lists, and whether a listed tool is the one that was allowed.

1. The pin is the SHA-256 of a canonical JSON of name, description and input schema. Titles, icons, annotations and output schemas are not
   in it: they change nothing of what is asked, and what comes back is untrusted anyway.
2. A tool that its server marks as changing something is not used, whatever the operator said: at most one of the two is right.
3. A list is read to its end, or the whole of it is refused.
"""

import hashlib
import json
from typing import Final

from mcp.client import ClientSession
from mcp.types import PaginatedRequestParams, Tool

from agent.tools.mcp_spec import SeenTool

PAGES_MAX: Final = 8
TOOLS_MAX: Final = 512
_LABEL: Final = b"countersign-mcp-tool/1\n"


class Unlisted(Exception):
    """The server's list cannot be used; the message says why."""


async def listed(session: ClientSession) -> tuple[SeenTool, ...]:
    """All tools of the server. Raises `Unlisted`, and what the session raises."""
    found: list[Tool] = []
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
        found += page.tools
        if len(found) > TOOLS_MAX:
            break
        cursor = page.next_cursor
        if not cursor:
            return tuple(seen(tool) for tool in found)
    raise Unlisted(f"its list of tools has no end within {PAGES_MAX} pages or {TOOLS_MAX} tools")


def seen(tool: Tool) -> SeenTool:
    marks = tool.annotations
    description = tool.description or ""
    return SeenTool(
        name=tool.name,
        description=description,
        input_schema_json=_canonical(tool.input_schema),
        pin=pin_of(name=tool.name, description=description, input_schema=tool.input_schema),
        changes_something=marks is not None and (marks.destructive_hint is True or marks.read_only_hint is False),
    )


def pin_of(*, name: str, description: str, input_schema: object) -> bytes:
    """32 bytes; b"" for what is not JSON."""
    document = _canonical({"name": name, "description": description, "inputSchema": input_schema})
    return hashlib.sha256(_LABEL + document.encode()).digest() if document else b""


def complaint(tools: tuple[SeenTool, ...], *, name: str, pin: bytes) -> str:
    """Why the tool called `name` is not the one that was pinned; "" when it is."""
    same = [tool for tool in tools if tool.name == name]
    if len(same) != 1:
        return "its server lists it more than once" if same else "its server does not list it"
    if same[0].pin != pin:
        return f"its description or schema is not the pinned one (pinned {pin.hex()[:12]}, seen {same[0].pin.hex()[:12] or 'none'})"
    return "its server marks it as changing something" if same[0].changes_something else ""


def _canonical(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return ""
