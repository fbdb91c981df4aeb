"""opa install: find the policy engine, or bring it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from gateway.adapters.opa.install import OpaNotFound, Places, Progress, find, install
from gateway.cli.exits import Ends, end
from gateway.cli.line import Json
from gateway.cli.screen import console, plain, say, show_json
from gateway.config import Settings, surroundings

app = typer.Typer(no_args_is_help=True, help="The policy engine.")


@app.callback()
def engines() -> None:
    """The policy engine."""


def opa_at_hand(settings: Settings | None = None) -> Path:
    """The OPA that a gateway with these settings would run. Ends the command when there is none."""
    around = surroundings()
    named = settings.opa if settings is not None else None
    folder = named.folder if named is not None and named.folder is not None else around.cache_folder
    try:
        return find(Places(explicit=named.binary if named is not None else None, search_path=around.search_path, folder=folder)).binary
    except OpaNotFound as missing:
        end(Ends.NO, str(missing))


@app.command("install", epilog="Example: countersign opa install")
def install_command(
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="FOLDER", help="Where to put it; else .tools/bin of the checkout, or this user's cache.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing when all is well.")] = False,
    json: Json = False,
) -> None:
    """Find an OPA that will do, or bring one: PATH, the folder, the pinned release by its SHA-256, else built by Go at the pinned version.

    Nothing outside the folder is touched.
    """
    around = surroundings()
    places = Places(explicit=None, search_path=around.search_path, folder=folder or around.cache_folder)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    try:
        with Bars(*columns, console=console(error=True), transient=True, disable=quiet) as bars:
            shown = _Shown(bars)
            found = install(places, environment=around.variables, progress=shown.on)
    except OpaNotFound as missing:
        end(Ends.NO, str(missing))
    if json:
        show_json(found)
    elif not quiet:
        say(f"OPA {plain(found.version)} at {found.binary} ({plain(found.source)})")


class _Shown:
    """One bar, made when there is something to show."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task: int | None = None

    def on(self, progress: Progress) -> None:
        if self._task is None:
            self._task = self._bars.add_task("OPA", total=None)
        said = f"{progress.message} {progress.source}"
        self._bars.update(self._bars.task_ids[0], description=plain(said, chars_max=100), completed=progress.done_bytes, total=progress.total_bytes or None)
