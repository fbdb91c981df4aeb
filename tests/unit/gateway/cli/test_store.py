"""store migrate: by the owner, told in words or JSON; what it cannot do it says, and changes nothing."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.adapters.store.postgres.connecting import Access
from gateway.adapters.store.postgres.statements import migrations
from tests.fakes.postgres import Server
from tests.unit.gateway.cli.conftest import ROOT, Run

SETTINGS = ROOT / "examples" / "subscription" / "settings.yaml"


@pytest.fixture
def empty(postgres: Server) -> Iterator[Access]:
    async def make() -> Access:
        async with postgres.lent():  # brings the roles
            return await postgres.empty_database()

    access = asyncio.run(make())
    yield access
    asyncio.run(postgres.drop(access))


def settings(folder: Path, store: str) -> str:
    """The example's, with another store."""
    text = SETTINGS.read_text().replace("sqlite: {path: ../../var/countersign.db}", store)
    file = folder / "settings.yaml"
    file.write_text(text.replace("path: activation", f"path: {SETTINGS.parent / 'activation'}").replace("../../", f"{folder}/"))
    return str(file)


def dsn(folder: Path, text: str) -> str:
    file = folder / "owner.dsn"
    file.write_text(text + "\n")
    file.chmod(0o600)
    return str(file)


def test_an_empty_database_gets_the_schema_and_a_second_run_does_nothing(run: Run, empty: Access, tmp_path: Path) -> None:
    """What was applied, and the version that the store has now."""
    declared = settings(tmp_path, f"postgres: {{host: {empty.host}, database: {empty.database}, user: gateway}}")
    owner = dsn(tmp_path, f"postgres://owner@/{empty.database}?host={empty.host}")
    words = ("store", "migrate", "--settings", declared, "--owner-dsn-file", owner)

    first, again = run(*words, "--json"), run(*words)

    assert (first.exit_code, again.exit_code) == (0, 0), first.output + again.output
    assert json.loads(first.stdout) == {"applied": [one.name for one in migrations()], "version": len(migrations())}
    assert again.stdout == f"nothing to apply; the store has schema version {len(migrations())}\n"


@pytest.mark.parametrize(
    ("store", "owner", "code", "said"),
    [
        ("sqlite: {path: var/store.db}", "postgres://owner@/x", 2, "SQLite is migrated by the gateway that opens it"),
        ("postgres: {host: /nowhere, database: x, user: gateway}", "mysql://owner@/x", 2, "holds no DSN"),
        ("postgres: {host: /nowhere, database: x, user: gateway}", "postgres://owner:hush@/x?host=/nowhere", 4, "nothing was changed"),
        ("postgres: {host: /nowhere, user: gateway}", "postgres://owner@/x", 2, "database not said"),
    ],
)
def test_what_it_cannot_do_it_says(run: Run, tmp_path: Path, store: str, owner: str, code: int, said: str) -> None:
    """With the code of the table, and without the secret."""
    done = run("store", "migrate", "--settings", settings(tmp_path, store), "--owner-dsn-file", dsn(tmp_path, owner))

    assert done.exit_code == code, done.output
    assert said in " ".join(done.stderr.split())
    assert "hush" not in done.output
