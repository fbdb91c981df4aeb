"""ledger check: does everything in the store add up, and does the record tell what the rows say?"""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway.adapters.store.trouble import StoreRefused
from gateway.adapters.store.whole import check_whole as check_file
from gateway.cli.exits import Ends, end
from gateway.cli.line import Json
from gateway.cli.screen import counted, plain, say, show_json, show_table
from gateway.config import SettingsRefused, load
from gateway.config.stores import Store
from gateway.domain.checking import Checked

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

    Memory does not grow with the store; a large one takes room where temporary files lie (TMPDIR), a few hundred bytes a write.
    """
    checked = _checked(settings, store)
    sizes = {name: size for name, size in asdict(checked).items() if name != "findings"}
    found = checked.findings
    if json:
        show_json({"ok": not found, **sizes, "findings": found})
    else:
        show_table(("what", "where", "expected", "seen"), [(one.what, one.where, one.expected, one.seen) for one in found[:_SHOWN_MAX]], nothing="It adds up.")
        say(f"read {', '.join(counted(size, noun.removesuffix('s')) for noun, size in sizes.items())}; {counted(len(found), 'finding')}")
    if found:
        raise typer.Exit(int(Ends.NO))


def _checked(settings: Path | None, store: Path | None) -> Checked:
    if (settings is None) == (store is None):
        end(Ends.INPUT, "name one store", "Write --settings FILE, or --store FILE.")
    try:
        if store is not None:
            return check_file(store)
        assert settings is not None
        declared = load(settings).store
        return check_file(declared.sqlite.path) if declared.sqlite is not None else _check_database(declared)
    except SettingsRefused as refused:
        end(Ends.INPUT, str(refused))
    except StoreRefused as refused:
        end(Ends.INPUT, plain(str(refused)))


def _check_database(declared: Store) -> Checked:
    from gateway.adapters.store.postgres.whole import check_whole as check_database  # noqa: PLC0415 - its driver is only loaded where it is needed
    from gateway.app.stores import access  # noqa: PLC0415 - the house is only built where it is needed

    assert declared.postgres is not None, "the settings name a store"
    return asyncio.run(check_database(access(declared.postgres)))
