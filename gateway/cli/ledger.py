"""ledger check: does everything in the store add up, and does the record tell what the rows say?"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.adapters.store.trouble import StoreRefused
from gateway.adapters.store.whole import Whole
from gateway.adapters.store.whole import read_whole as read_file
from gateway.adapters.system import SystemClock
from gateway.cli.exits import Ends, end
from gateway.cli.line import Json
from gateway.cli.screen import counted, plain, say, show_json, show_table
from gateway.config import SettingsRefused, load
from gateway.config.stores import Store
from gateway.domain.chronicle import contradictions
from gateway.domain.conservation import Discrepancy, discrepancies

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
    """Read a store whole, while it is served or not, and say what does not add up. It changes nothing.

    Held is the sum of what is held, settled of what was settled, in every budget and window, and no limit was passed; a run's steps are what
    it took; each write's record tells one lawful story that ends where the write stands. Exit code 1 with findings.
    """
    whole = _read(settings, store)
    found = [*discrepancies(whole.books), *contradictions(whole.entries, whole.books.commits), *_left_behind(whole)]
    if json:
        show_json({"ok": not found, **_sizes(whole), "findings": found})
    else:
        show_table(("what", "where", "expected", "seen"), [(one.what, one.where, one.expected, one.seen) for one in found[:_SHOWN_MAX]], nothing="It adds up.")
        say(f"read {', '.join(counted(size, noun.removesuffix('s')) for noun, size in _sizes(whole).items())}; {counted(len(found), 'finding')}")
    if found:
        raise typer.Exit(int(Ends.NO))


def _read(settings: Path | None, store: Path | None) -> Whole:
    if (settings is None) == (store is None):
        end(Ends.INPUT, "name one store", "Write --settings FILE, or --store FILE.")
    try:
        if store is not None:
            return read_file(store, SystemClock())
        assert settings is not None
        declared = load(settings).store
        return read_file(declared.sqlite.path, SystemClock()) if declared.sqlite is not None else _read_database(declared)
    except SettingsRefused as refused:
        end(Ends.INPUT, str(refused))
    except StoreRefused as refused:
        end(Ends.INPUT, plain(str(refused)))


def _read_database(declared: Store) -> Whole:
    from gateway.adapters.store.postgres.whole import read_whole as read_database  # noqa: PLC0415 - its driver is only loaded where it is needed
    from gateway.app.stores import access  # noqa: PLC0415 - the house is only built where it is needed

    assert declared.postgres is not None, "the settings name a store"
    return asyncio.run(read_database(access(declared.postgres)))


def _left_behind(whole: Whole) -> list[Discrepancy]:
    """What a gateway that is gone had in flight is unknown once another has begun, or its lease is over (it may be being found right now)."""
    return [
        Discrepancy(what="recovery", where=f"commit {commit_id}", expected="UNKNOWN", seen="FORWARDING, of a gateway that is gone")
        for commit_id in whole.left_behind
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
