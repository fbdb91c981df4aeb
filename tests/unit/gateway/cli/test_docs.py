"""What is generated says what the code says, and is noticed when it does not."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from gateway.cli.docs import FOLDER, drawn, stale, write
from gateway.cli.pages_of_files import duration
from gateway.declared.yaml_marks import read_yaml
from gateway.domain.identity import ALLOWED
from gateway.domain.lifecycle import MOVES
from gateway.domain.reasons import Reason
from tests.unit.gateway.cli.conftest import ROOT

EXAMPLE = ROOT / "examples" / "subscription"


@cache
def pages() -> dict[str, bytes]:
    return drawn()


def page(name: str) -> str:
    return pages()[name].decode()


def schema(name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(json.loads(page(name)))


def written(path: Path) -> Any:
    return read_yaml(path.read_bytes(), str(path)).data


def test_what_is_committed_is_what_the_code_says() -> None:
    """Run `make gen` when this fails."""
    assert stale(FOLDER) == []


def test_a_stale_page_is_noticed(tmp_path: Path) -> None:
    """Changed, missing, or drawn by nobody."""
    write(tmp_path)
    fresh = stale(tmp_path)
    (tmp_path / "limits.md").write_text("payload: as large as you like\n")
    (tmp_path / "roles.md").unlink()
    (tmp_path / "extra.md").write_text("by hand\n")

    assert fresh == []
    assert stale(tmp_path) == ["extra.md", "limits.md", "roles.md"]


def test_every_row_of_the_law_is_on_a_page() -> None:
    """No reason, method or move is left out."""
    assert all(f"| `{reason}` |" in page("reasons.md") for reason in Reason)
    assert all(f"| `{method}` |" in page("roles.md") for methods in ALLOWED.values() for method in methods)
    assert all(f"{state} --> {after}: {event}" in page("lifecycle.md") for state, moves in MOVES.items() for event, after in moves.items())
    assert "1. `key_is_free`" in page("guards.md")
    assert "8. `hold_budgets`" in page("guards.md")


def test_every_command_and_exit_code_is_on_its_page() -> None:
    """As it is typed."""
    commands: tuple[str, ...] = (
        "serve",
        "demo",
        "halt",
        "resume",
        "halts",
        "version",
        "run show",
        "commits list",
        "commits show",
        "commits resolve",
        "budget show",
    )
    commands += ("commits reconcile", "ledger check", "host check", "activation show", "policy check", "boundary check", "tools pin", "model check")
    commands += ("decide try", "decide eval", "opa install", "store migrate")

    assert all(f"## `countersign {command}`" in page("cli.md") for command in commands)
    assert all(f"| {code} |" in page("cli.md") for code in (0, 1, 2, 3, 4, 70))
    assert page("cli.md").count("Example: ") == len(commands)


@pytest.mark.parametrize(
    ("name", "file"), [("settings.schema.json", EXAMPLE / "settings.yaml"), ("boundary.schema.json", EXAMPLE / "activation" / "boundary.yaml")]
)
def test_the_schemas_for_editors_agree_with_the_readers(name: str, file: Path) -> None:
    """What is read is valid, and an unknown key is not."""
    document = written(file)

    assert [str(error) for error in schema(name).iter_errors(document)] == []
    assert not schema(name).is_valid({**document, "extra": 1})


def test_a_slot_may_be_short_in_the_schema_too() -> None:
    """Both spellings the reader takes."""
    document = written(EXAMPLE / "activation" / "boundary.yaml")
    document["actions"]["activate_plan"]["request"]["slots"] = {"account": {"pointer": "/account", "type": "string"}}

    assert schema("boundary.schema.json").is_valid(document)


@pytest.mark.parametrize(("milliseconds", "expected"), [(0, "0ms"), (250, "250ms"), (20_000, "20s"), (600_000, "10m"), (5_400_000, "90m"), (86_400_000, "1d")])
def test_defaults_are_shown_as_they_are_written(milliseconds: int, expected: str) -> None:
    """In the largest unit that says them whole."""
    assert duration(milliseconds) == expected
