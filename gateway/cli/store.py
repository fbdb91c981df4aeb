"""store migrate: bring a PostgreSQL store's schema up to date, as its owner."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gateway.adapters.store.postgres.migrating import Migrated, migrate
from gateway.adapters.store.trouble import StoreRefused
from gateway.cli.exits import Ends, end
from gateway.cli.line import Json
from gateway.cli.screen import plain, say, show_json
from gateway.config import SettingsRefused, load
from gateway.config.stores import Postgres, read_dsn

app = typer.Typer(no_args_is_help=True, help="The store.")


@app.callback()
def stores() -> None:
    """The store."""


@app.command("migrate", epilog="Example: countersign store migrate --settings settings.yaml --owner-dsn-file secrets/owner.dsn")
def migrate_command(
    settings: Annotated[Path, typer.Option("--settings", metavar="FILE", help="The gateway's settings: they name the server's CA and the gateway's role.")],
    owner_dsn_file: Annotated[
        Path, typer.Option("--owner-dsn-file", metavar="FILE", help="postgres://owner:password@host:port/database: the role that owns the schema.")
    ],
    json: Json = False,
) -> None:
    """Apply the migrations a PostgreSQL store lacks, and grant the gateway's role what it needs and nothing else.

    Run it before gateways of a new version start; those of the old version go on meanwhile. Run again, it does nothing. SQLite migrates itself.
    """
    migrated = _migrated(_declared(settings), owner_dsn_file)
    if json:
        show_json({"applied": list(migrated.applied), "version": migrated.version})
    else:
        done = ", ".join(plain(name) for name in migrated.applied) or "nothing to apply"
        say(f"{done}; the store has schema version {migrated.version}")


def _declared(settings: Path) -> Postgres:
    try:
        declared = load(settings).store.postgres
    except SettingsRefused as refused:
        end(Ends.INPUT, f"the settings are not taken.\n{refused}")
    if declared is None:
        end(Ends.INPUT, "the settings name no PostgreSQL store", "SQLite is migrated by the gateway that opens it.")
    return declared


def _migrated(declared: Postgres, owner_dsn_file: Path) -> Migrated:
    from gateway.app.stores import access  # noqa: PLC0415 - the house is only built where it is needed

    there = access(declared)
    try:
        owner = replace(there, dsn=read_dsn(owner_dsn_file), host="", user="", password="", database="")
        return asyncio.run(migrate(owner, gateway_role=there.role))
    except ValueError as wrong:
        end(Ends.INPUT, str(wrong))
    except StoreRefused as refused:
        end(Ends.REFUSED, refused.detail)
