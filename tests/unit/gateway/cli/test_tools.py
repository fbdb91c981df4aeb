"""tools pin: what a server offers, beside what the settings allow."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.processes import served
from tests.unit.gateway.cli.conftest import Run

PIN = "4af3529674c066ed7523433e7cdb766513ba1d582dbf5a5f84e08101abd2ebc0"


@pytest.fixture(scope="module")
def notes() -> Iterator[str]:
    with served("tests.fakes.mcp_notes") as base_url:
        yield base_url


def written(folder: Path, url: str, *, allowed: str = "", networks: str = "127.0.0.0/8") -> str:
    (folder / "activation").mkdir()
    file = folder / "settings.yaml"
    tool = f"      search: {{tool: search_notes, description: Notes., read_only: true, pin: {allowed}}}\n" if allowed else ""
    file.write_text(
        'listeners: [{name: workflow, address: "unix:run/workflow/gateway.sock", tenant: acme, caller: orders, role: workflow}]\n'
        "store: {sqlite: {path: var/store.db}}\nactivation: {path: activation}\n"
        f"mcp:\n  notes:\n    url: {url}\n    networks: [{networks}]\n    tools:\n{tool or '      {}'}\n"
    )
    return str(file)


def test_what_is_offered_is_listed_with_its_pin(run: Run, tmp_path: Path, notes: str) -> None:
    """And what its server says of it; nothing is allowed yet."""
    done = run("tools", "pin", "notes", "--settings", written(tmp_path, f"{notes}/honest/mcp"), "--schemas")

    assert done.exit_code == 0, done.output
    assert f"search_notes  {PIN}  -                     not allowed" in done.output
    assert "it changes something" in done.output
    assert 'search_notes: Searches the notes of an account.\n{"properties":{"account"' in done.output


def test_what_is_allowed_and_as_it_was_is_said_to_be(run: Run, tmp_path: Path, notes: str) -> None:
    """For scripts, too."""
    done = run("tools", "pin", "notes", "--settings", written(tmp_path, f"{notes}/honest/mcp", allowed=PIN), "--json")

    offers = {one["tool"]: one for one in json.loads(done.output)["tools"]}
    assert done.exit_code == 0
    assert (offers["search_notes"]["pin"], offers["search_notes"]["allowed_as"], offers["search_notes"]["fits"]) == (PIN, ["notes.search"], True)
    assert (offers["forget_notes"]["changes_something"], offers["forget_notes"]["allowed_as"]) == (True, [])


@pytest.mark.parametrize("server", ["poisoned", "destroys", "gone", "twice"])
def test_a_tool_that_is_not_the_pinned_one_fails_the_command(run: Run, tmp_path: Path, notes: str, server: str) -> None:
    """Changed, marked, gone or there twice."""
    done = run("tools", "pin", "notes", "--settings", written(tmp_path, f"{notes}/{server}/mcp", allowed=PIN))

    assert done.exit_code == 1
    assert "notes.search is disabled: search_notes is not what was pinned" in done.stderr
    assert "notes.search: DISABLED" in done.stdout


def test_a_server_that_cannot_be_asked_is_told(run: Run, tmp_path: Path, notes: str) -> None:
    """Outside its networks; not in the settings."""
    file = written(tmp_path, f"{notes}/honest/mcp", networks="10.0.0.0/8")

    outside, unknown = run("tools", "pin", "notes", "--settings", file), run("tools", "pin", "nodes", "--settings", file)

    assert (outside.exit_code, unknown.exit_code) == (3, 2)
    assert "outside the tool's networks" in outside.stderr
    assert 'no server "nodes" stands under mcp' in unknown.stderr
