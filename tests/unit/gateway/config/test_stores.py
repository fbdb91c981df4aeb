"""The store that settings name: one, whole, with its secrets in files."""

from pathlib import Path

import pytest

from gateway.config.stores import read_dsn
from tests.unit.gateway.config.conftest import TOKEN, Load, Refused

SQLITE = "{sqlite: {path: var/store.db}}"
WHOLE = "{postgres: {host: db.internal, database: countersign, user: countersign_gateway, password_file: token}}"
SECRET = "postgres://gateway:hush@db.internal:5433/countersign"


def secret(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "dsn"
    file.write_text(text + "\n")
    file.chmod(mode)
    return file


def test_a_server_is_named_by_its_parts(loaded: Load) -> None:
    """The password is read from its file; TLS is on unless said otherwise."""
    declared = loaded((SQLITE, WHOLE)).store.postgres

    assert declared is not None
    assert (declared.host, declared.port, declared.database, declared.user, declared.plain, declared.ha) == (
        "db.internal", 5432, "countersign", "countersign_gateway", False, False,
    )  # fmt: skip
    assert declared.password is not None
    assert declared.password.value == TOKEN


def test_a_server_is_named_by_a_dsn(loaded: Load, folder: Path) -> None:
    """Which is a secret, and shown by nothing."""
    secret(folder, SECRET)

    settings = loaded((SQLITE, "{postgres: {dsn_file: dsn, ha: true}}"))

    assert settings.store.postgres is not None
    assert settings.store.postgres.dsn is not None
    assert settings.store.postgres.dsn.value == SECRET
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        ("{}", "no store is named"),
        ("{sqlite: {path: a}, postgres: {dsn_file: dsn}}", "two stores are named"),
        ("{postgres: {dsn_file: dsn, host: elsewhere}}", "the server is named twice"),
        ("{postgres: {host: db.internal}}", "database, user not said"),
        ("{postgres: {dsn_file: nowhere}}", "cannot be read"),
        ("{postgres: {dsn_file: token}}", "holds no DSN"),
        ("{postgres: {dsn: x}}", 'unknown key "dsn"'),
    ],
)
def test_a_store_that_is_not_whole_is_refused(refused: Refused, folder: Path, store: str, expected: str) -> None:
    """What was seen, and what to write."""
    secret(folder, SECRET)

    assert any(expected in finding for finding in refused((SQLITE, store)))


def test_recovery_comes_within_five_seconds_of_a_lease(refused: Refused) -> None:
    """With several gateways nobody else finds what one of them left."""
    assert any("within 5 s" in finding for finding in refused((SQLITE, WHOLE), ("activation:", "reconcile: {interval: 6s}\nactivation:")))


@pytest.mark.parametrize(
    "text",
    [
        SECRET, "postgresql://gateway@/countersign?host=/run/postgresql", "postgres://g:p%40ss@one:5432,two:5433/d", "postgres://g:p@[::1]:5432/d",
        "postgres:///d?user=g",
    ],
)  # fmt: skip
def test_what_a_dsn_is(folder: Path, text: str) -> None:
    """With several hosts, a socket's folder, an address."""
    assert read_dsn(secret(folder, text)) == text


@pytest.mark.parametrize(
    "text", ["postgres://g:hu@sh@h/d", "postgres://g:hu/sh@h/d", "postgres://g:hu:sh@h/d", "postgres://g:hush@h:port/d", "postgres://g:p@h/d#hush"]
)
def test_a_dsn_that_would_be_read_otherwise_than_meant_is_refused(folder: Path, text: str) -> None:
    """A password that is not escaped would end up in an address, and in messages."""
    with pytest.raises(ValueError, match="holds no DSN") as refused:
        read_dsn(secret(folder, text))

    assert "hu" not in str(refused.value).replace(str(folder), "")


@pytest.mark.parametrize(("text", "mode", "expected"), [("mysql://u@h/d", 0o600, "holds no DSN"), (SECRET, 0o604, "open to every user")])
def test_the_owners_dsn_is_held_to_the_same(folder: Path, text: str, mode: int, expected: str) -> None:
    """And is not shown when it is refused."""
    file = secret(folder, text, mode)

    with pytest.raises(ValueError, match=expected) as refused:
        read_dsn(file)

    assert "hush" not in str(refused.value)
    file.chmod(0o600)
    file.write_text(SECRET)
    assert read_dsn(file) == SECRET
