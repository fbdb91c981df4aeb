"""ledger check: does everything in the store add up, and does the record tell what the rows say?"""

from pathlib import Path
from typing import Annotated

import typer

from gateway.adapters.store.trouble import StoreRefused
from gateway.adapters.store.whole import Whole, read_whole
from gateway.adapters.system import SystemClock
from gateway.cli.exits import Ends, end
from gateway.cli.line import Json
from gateway.cli.screen import counted, plain, say, show_json, show_table
from gateway.config import SettingsRefused, load
from gateway.domain.chronicle import contradictions
from gateway.domain.conservation import Discrepancy, discrepancies
from gateway.domain.lifecycle import State

app = typer.Typer(no_args_is_help=True, help="What the store says of itself.")

_SHOWN_MAX = 200


@app.callback()
def ledgers() -> None:
    """What the store says of itself."""


@app.command(epilog="Example: countersign ledger check --settings settings.yaml")
def check(
    settings: Annotated[Path | None, typer.Option("--settings", metavar="FILE", help="The gateway's settings, which name the store.")] = None,
    store: Annotated[Path | None, typer.Option("--store", metavar="FILE", help="Or the SQLite store's file, or a copy of it.")] = None,
    json: Json = False,
) -> None:
    """Read a SQLite store whole, while it is served or not, and say what does not add up. It changes nothing.

    Held is the sum of what is held, settled of what was settled, in every budget and window, and no limit was passed; a run's steps are what
    it took; each write's record tells one lawful story that ends where the write stands. Exit code 1 with findings.
    """
    whole = _read(_path(settings, store))
    found = [*discrepancies(whole.books), *contradictions(whole.entries, whole.books.commits), *_left_behind(whole)]
    if json:
        show_json({"ok": not found, **_sizes(whole), "findings": found})
    else:
        show_table(("what", "where", "expected", "seen"), [(one.what, one.where, one.expected, one.seen) for one in found[:_SHOWN_MAX]], nothing="It adds up.")
        say(f"read {', '.join(counted(size, noun.removesuffix('s')) for noun, size in _sizes(whole).items())}; {counted(len(found), 'finding')}")
    if found:
        raise typer.Exit(int(Ends.NO))


def _path(settings: Path | None, store: Path | None) -> Path:
    if (settings is None) == (store is None):
        end(Ends.INPUT, "name one store", "Write --settings FILE, or --store FILE.")
    if store is not None:
        return store
    assert settings is not None
    try:
        declared = load(settings).store
    except SettingsRefused as refused:
        end(Ends.INPUT, str(refused))
    if declared.sqlite is None:
        end(Ends.INPUT, "these settings name a PostgreSQL store, and this command reads SQLite")
    return declared.sqlite.path


def _read(path: Path) -> Whole:
    try:
        return read_whole(path, SystemClock())
    except StoreRefused as refused:
        end(Ends.INPUT, plain(str(refused)))


def _left_behind(whole: Whole) -> list[Discrepancy]:
    """What an earlier boot had in flight is unknown by the time another has begun (it may be beginning right now)."""
    return [
        Discrepancy(what="recovery", where=f"commit {row.commit_id}", expected="UNKNOWN", seen="FORWARDING, of an earlier boot")
        for row in whole.books.commits
        if row.state is State.FORWARDING and row.boot_id != whole.boot_id
    ]


def _sizes(whole: Whole) -> dict[str, int]:
    books = whole.books
    return {
        "commits": len(books.commits),
        "decisions": len(books.decisions),
        "runs": len(books.runs),
        "budgets": len(books.nodes),
        "entries": len(whole.entries),
    }
