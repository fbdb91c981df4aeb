"""One file and the environment to settings; unknown is refused wherever it stands."""

from pathlib import Path

import pytest

from gateway.config import SettingsRefused, load, surroundings
from tests.unit.gateway.config.conftest import TOKEN, Load, Refused


def test_paths_are_relative_to_the_settings_file(loaded: Load, folder: Path) -> None:
    """Wherever the gateway is started."""
    settings = loaded()

    assert settings.store.sqlite is not None
    assert settings.store.sqlite.path == folder / "var" / "store.db"
    assert settings.activation.path == folder / "activation"
    assert settings.listeners[0].socket == folder / "run" / "workflow" / "gateway.sock"
    assert settings.tenants == {"acme"}
    assert list(settings.models) == ["local", "large"]


def test_a_value_is_frozen(loaded: Load) -> None:
    """Nobody turns a setting while the gateway runs."""
    settings = loaded()

    with pytest.raises(ValueError, match="frozen"):
        settings.__setattr__("shutdown_grace_ms", 1)


def test_the_environment_goes_over_the_file(loaded: Load) -> None:
    """Keys in capitals, two underscores between them; values are read as YAML, so lists can be written too."""
    settings = loaded(
        environment={
            "COUNTERSIGN_SHUTDOWN_GRACE": "5s",
            "COUNTERSIGN_STORE__SQLITE__SOLE_GATEWAY": "true",
            "COUNTERSIGN_TARGETS__BILLING__NETWORKS": "[10.0.0.0/8, 127.0.0.1/32]",
            "COUNTERSIGN_TELEMETRY__LOG_LEVEL": "debug",
        }
    )

    assert settings.shutdown_grace_ms == 5_000
    assert settings.store.sqlite is not None
    assert settings.store.sqlite.sole_gateway is True
    assert settings.targets["billing"].networks == ("10.0.0.0/8", "127.0.0.1/32")
    assert settings.telemetry.log_level == "debug"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("COUNTERSIGN_STROE__SQLITE__PATH", "x", 'environment variable COUNTERSIGN_STROE__SQLITE__PATH: unknown key "stroe". Did you mean "store"?'),
        ("COUNTERSIGN_STORE__SQLITE__PTH", "x", 'environment variable COUNTERSIGN_STORE__SQLITE__PTH: unknown key "pth" in store.sqlite. Did you mean "path"?'),
        (
            "COUNTERSIGN_STORE__SQLITE__RESERVE_BYTES",
            "lots",
            "environment variable COUNTERSIGN_STORE__SQLITE__RESERVE_BYTES: store.sqlite.reserve_bytes: expected a whole number",
        ),
        ("COUNTERSIGN_TARGETS__BILLING__NETWORKS", "[", "environment variable COUNTERSIGN_TARGETS__BILLING__NETWORKS: not YAML"),
    ],
)
def test_a_wrong_variable_is_named(refused: Refused, variable: str, value: str, expected: str) -> None:
    """As precisely as a line of the file."""
    (finding,) = refused(environment={variable: value})

    assert finding.startswith(expected)


def test_what_others_set_is_left_alone(loaded: Load) -> None:
    """Kubernetes tells pods of a Service called countersign by variables that look like settings; the command has two of its own."""
    environment = {
        "COUNTERSIGN_PORT": "tcp://10.0.0.1:7443",
        "COUNTERSIGN_PORT_7443_TCP_ADDR": "10.0.0.1",
        "COUNTERSIGN_SERVICE_HOST": "10.0.0.1",
        "COUNTERSIGN_SERVICE_PORT_GRPC": "7443",
        "COUNTERSIGN_GATEWAY_SERVICE_HOST": "10.0.0.1",
        "COUNTERSIGN_GATEWAY_PORT": "tcp://10.0.0.1:7443",
        "COUNTERSIGN_OPERATOR": "unix:/run/ops.sock",
        "COUNTERSIGN_OPERATOR_TOKEN_FILE": "/run/token",
        "PATH": "/bin",
    }

    assert loaded(environment=environment).tenants == {"acme"}


def test_sqlite_in_a_pod_says_that_it_is_the_only_one(loaded: Load, refused: Refused) -> None:
    """Two pods on two SQLite files would be two budgets."""
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}

    (finding,) = refused(environment=pod)

    assert "SQLite serves exactly one gateway" in finding
    assert loaded(("path: var/store.db", "path: var/store.db, sole_gateway: true"), environment=pod).tenants == {"acme"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("store: {sqlite:", "stores: {sqlite:", '4:1: unknown key "stores". Did you mean "store"?'),
        ("{sqlite: {path: var/store.db}}", "{postgres: {host: db}}", "4:19: store.postgres: database, user not said."),
        ("{sqlite: {path: var/store.db}}", "{}", "4:8: store: no store is named."),
        ("path: var/store.db", "path: var/store.db, reserve_bytes: 1", "4:53: store.sqlite.reserve_bytes: expected at least 16777216, seen 1."),
        ("activation: {path: activation}", "activation: {path: nowhere}", "5:20: activation.path: there is no folder"),
        ("activation: {path: activation}", "activation: {path: activation, source: bundle}", "5:40: activation.source: expected 'directory', seen \"bundle\"."),
        ("store:", "limits: {commits_in_flight_max: 5000}\nstore:", "4:33: limits.commits_in_flight_max: expected at most 1000, seen 5000."),
        ("store:", "opa: {binary: /no/such/opa}\nstore:", "4:15: opa.binary: there is no file /no/such/opa"),
    ],
)
def test_a_wrong_setting_is_named(refused: Refused, old: str, new: str, expected: str) -> None:
    """File, line, column, what was seen, what to write."""
    assert any(finding.startswith(expected) for finding in refused((old, new)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Said without a traceback."""
    with pytest.raises(SettingsRefused, match=r"gone\.yaml: cannot be read: No such file"):
        load(tmp_path / "gone.yaml", {})


def test_a_secret_is_read_once_and_shown_nowhere(loaded: Load, folder: Path) -> None:
    """Its file is named, its value is not."""
    settings = loaded()

    assert settings.listeners[1].token is not None
    assert settings.listeners[1].token.value == TOKEN
    assert TOKEN not in repr(settings)
    assert str(folder / "token") in repr(settings)


def test_a_secret_open_to_everybody_is_refused(refused: Refused, folder: Path) -> None:
    """With the command that closes it."""
    (folder / "token").chmod(0o644)

    (finding,) = refused()

    assert finding == f"3:116: listeners.1.token_file: {folder}/token is open to every user of this machine (mode 0644). Run: chmod o= {folder}/token"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"x" * 70_000, "has more than 65536 bytes"),
        ("schlüssel".encode(), "is not ASCII"),
        (b"one\ntwo", "has more than one line"),
        (b"one\x1btwo", "has more than one line"),
        (b"short", "the token has 5 characters"),
    ],
)
def test_a_secret_is_one_bounded_line(refused: Refused, folder: Path, content: bytes, expected: str) -> None:
    """The finding tells what is wrong with it, never what it says."""
    (folder / "token").write_bytes(content)

    (finding,) = refused()

    assert expected in finding
    assert "xxxx" not in finding


def test_a_secret_that_is_no_file(refused: Refused, folder: Path) -> None:
    """A folder, or nothing at all."""
    (folder / "token").unlink()
    (missing,) = refused()
    (folder / "token").mkdir()
    (taken,) = refused()

    assert "token cannot be read: No such file or directory" in missing
    assert "is not a regular file" in taken


def test_surroundings_come_from_the_environment(tmp_path: Path) -> None:
    """What the command needs; all of it optional. In a clone, what is brought stays in the clone."""
    found = surroundings({"COUNTERSIGN_OPERATOR": "unix:/run/o.sock", "PATH": "/bin", "HOME": "/home/u"}, checkout=tmp_path)
    (tmp_path / "pyproject.toml").touch()
    cloned = surroundings({}, checkout=tmp_path)

    assert (found.operator, found.operator_token_file, found.search_path) == ("unix:/run/o.sock", "", "/bin")
    assert found.cache_folder == Path("/home/u/.cache/countersign/bin")
    assert cloned.cache_folder == tmp_path / ".tools" / "bin"


def test_tombstones_stand_longer_than_what_they_mark(loaded: Load, refused: Refused) -> None:
    """Seven days and ninety unless written; the other way round is refused."""
    plain = loaded().retention
    written = loaded(("models:\n", "retention: {keep: 30d, tombstones: 365d, at_once: 8}\nmodels:\n")).retention

    findings = refused(("models:\n", "retention: {keep: 100d}\nmodels:\n"))

    day_ms = 86_400_000
    assert (plain.keep_ms, plain.tombstones_ms) == (7 * day_ms, 90 * day_ms)
    assert (written.keep_ms, written.tombstones_ms, written.at_once) == (30 * day_ms, 365 * day_ms, 8)
    assert "a tombstone stands longer than what it marks was kept" in findings[0]
