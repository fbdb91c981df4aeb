"""tools pin: what an MCP server offers, and the pins that allow it.

1. Nothing is called: the server is asked for its list, as the gateway asks before every call.
2. What a server says of its tools is its own words: shown, never trusted, and never shown to a model.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.exits import Ends, end
from gateway.cli.line import Json
from gateway.cli.screen import complain, plain, say, show_json, show_table
from gateway.config import Settings, SettingsRefused, load
from gateway.config.tools import McpServer
from gateway.domain.faults import AgentFault

if TYPE_CHECKING:
    from gateway.adapters.agent_runner import SeenTool  # it brings the whole agent, which takes a second

app = typer.Typer(no_args_is_help=True, help="What agents may read.")


@app.callback()
def tools() -> None:
    """What agents may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A tool of a server beside what the settings say of it."""

    tool: str
    pin: str  # "" where the server does not list it, or lists what has no pin
    changes_something: bool  # the server says so
    allowed_as: tuple[str, ...]  # its names in a boundary
    fits: bool  # what is allowed is what is listed
    description: str
    input_schema_json: str


@app.command("pin", epilog="Example: countersign tools pin notes --settings settings.yaml --schemas")
def pin_command(
    server: Annotated[str, typer.Argument(metavar="SERVER", help="Its name under mcp in the settings.")],
    settings: Annotated[Path, typer.Option("--settings", metavar="FILE", help="The settings file.")],
    schemas: Annotated[bool, typer.Option("--schemas", help="Each tool's description and input schema too: read them before you pin them.")] = False,
    json: Json = False,
) -> None:
    """List the tools of an MCP server with their pins, and say whether those that are allowed are still what was pinned.

    A pin is the SHA-256 of a tool's name, description and input schema. It stands under mcp.<server>.tools.<name>.pin, beside read_only: true.
    """
    try:
        declared = load(settings)
    except SettingsRefused as refused:
        end(Ends.INPUT, str(refused))
    if server not in declared.mcp:
        end(Ends.INPUT, f'no server "{server}" stands under mcp in {settings}', f"There: {', '.join(sorted(declared.mcp)) or 'none'}.")
    offers = _offers(declared, server)
    if json:
        show_json({"server": server, "tools": offers})
    else:
        _tell(offers, schemas=schemas)
    if not all(offer.fits for offer in offers):
        raise typer.Exit(Ends.NO)


def _offers(settings: Settings, name: str) -> list[Offer]:
    from gateway.adapters.agent_runner import listed_tools  # noqa: PLC0415 - the whole house takes a second to load, and only this needs it
    from gateway.app import parts  # noqa: PLC0415 - as above

    declared = settings.mcp[name]
    try:
        listed = asyncio.run(listed_tools(parts.mcp_server_spec(name, declared)))
    except AgentFault as fault:
        end(Ends.UNREACHABLE, f"{declared.url} did not list its tools: {fault.detail}")
    return [_offer(name, declared, seen.name, [one for one in listed if one.name == seen.name]) for seen in listed] + [
        _offer(name, declared, tool, []) for tool in sorted(_allowed(declared).keys() - {seen.name for seen in listed})
    ]


def _allowed(server: McpServer) -> dict[str, list[str]]:
    """The names here of each tool, by its name at the server."""
    names: dict[str, list[str]] = {}
    for own, tool in server.tools.items():
        names.setdefault(tool.tool or own, []).append(own)
    return names


def _offer(name: str, server: McpServer, tool: str, seen: "list[SeenTool]") -> Offer:
    own = _allowed(server).get(tool, [])
    usable = len(seen) == 1 and not seen[0].changes_something
    return Offer(
        tool=tool, pin=seen[0].pin.hex() if seen else "", changes_something=any(one.changes_something for one in seen),
        allowed_as=tuple(f"{name}.{one}" for one in own), fits=not own or (usable and all(server.tools[one].pin == seen[0].pin.hex() for one in own)),
        description=seen[0].description if seen else "", input_schema_json=seen[0].input_schema_json if seen else "",
    )  # fmt: skip


def _tell(offers: list[Offer], *, schemas: bool) -> None:
    show_table(("tool", "pin", "its server says", "settings"), [_row(offer) for offer in offers], nothing="it offers no tool")
    for offer in offers if schemas else ():
        say(f"\n{plain(offer.tool)}: {plain(offer.description)}\n{plain(offer.input_schema_json, chars_max=20_000)}")
    for offer in offers:
        if not offer.fits:
            what = f"{', '.join(offer.allowed_as)} is disabled: {offer.tool} is not what was pinned"
            complain(what, "Read it with --schemas, then pin it anew or take it out.")


def _row(offer: Offer) -> tuple[str, str, str, str]:
    allowed = ", ".join(offer.allowed_as)
    settings = "not allowed" if not allowed else f"{allowed}: as pinned" if offer.fits else f"{allowed}: DISABLED"
    return offer.tool, offer.pin or "not listed", "it changes something" if offer.changes_something else "-", settings
