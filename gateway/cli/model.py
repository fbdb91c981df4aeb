"""model check: what a model server really does with what it is asked.

1. The server is asked real questions, a dozen of them, each short; they cost what they cost. Nothing goes to a gateway or a ledger.
2. Exit code 0: everything that matters can be relied on. 1: something that matters cannot, or nothing usable answered.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.exits import Ends, end
from gateway.cli.line import Json
from gateway.cli.screen import complain, console, say, show_json, show_table
from gateway.config import Settings, SettingsRefused, load
from gateway.declared.findings import nearest

if TYPE_CHECKING:
    from gateway.adapters.agent_runner import ModelSpec, Probe  # it brings the whole agent, which takes a second

app = typer.Typer(no_args_is_help=True, help="What agents think with.")


@app.callback()
def models() -> None:
    """What agents think with."""


@app.command(epilog="Example: countersign model check local --settings settings.yaml")
def check(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its name under models in the settings.")],
    settings: Annotated[Path, typer.Option("--settings", metavar="FILE", help="The gateway's settings file.")],
    json: Json = False,
) -> None:
    """Probe what a model server enforces: schema, usage, bounds, parallel questions, cancellation, keys. Says what to rely on."""
    spec = model_named(settings_in(settings), model)
    found = asyncio.run(_probes(spec, told=not json))
    findings = [probe for probe in found if probe.matters and probe.rely == "no"]
    if json:
        show_json({"model": model, "probes": found, "reliable": not findings})
    else:
        rows = ((probe.name, probe.seen, probe.rely.value, probe.then) for probe in found)
        show_table(("probe", "what was seen", "rely on it", "what is done about it"), rows, nothing="Nothing was asked.")
        say(f"{model} can be used" if not findings else f"{model}: not reliable in {', '.join(probe.name for probe in findings)}")
    if findings:
        raise typer.Exit(Ends.NO)


async def _probes(spec: "ModelSpec", *, told: bool) -> "list[Probe]":
    from gateway.adapters.agent_runner import probed  # noqa: PLC0415 - see above

    found = []
    show = told and console(error=True).is_terminal
    async for probe in probed(spec):
        found.append(probe)
        if show:
            complain(f"{probe.name}: {probe.seen}")
    return found


def settings_in(file: Path) -> Settings:
    """Ends the command where they are not taken."""
    try:
        return load(file)
    except SettingsRefused as refused:
        end(Ends.INPUT, str(refused))


def model_named(settings: Settings, name: str) -> "ModelSpec":
    """Ends the command where the settings have none of that name, or one that cannot be used."""
    from gateway.app.parts import model_spec  # noqa: PLC0415 - the whole house takes a second to load

    if name not in settings.models:
        end(Ends.INPUT, f'no model "{name}" in the settings', nearest(name, settings.models) or "Declare it under models.")
    try:
        return model_spec(name, settings.models[name])
    except ValueError as wrong:
        end(Ends.INPUT, str(wrong))
