"""The command as a whole: help that teaches, and how it ends when something is wrong with itself."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from gateway.cli.main import COMMANDS, GROUPS, command_line
from gateway.cli.screen import as_json, money, plain
from tests.unit.gateway.cli.conftest import ROOT, Run

BROKEN = """
import sys
from gateway.__main__ import main
from gateway.cli import serving

def broken() -> None:
    raise ZeroDivisionError("as planned")

serving.version = broken
sys.argv = ["countersign", "version"]
main()
"""


def process(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_the_exit_codes(run: Run) -> None:
    """What a script may branch on is where people look first."""
    done = run("--help")

    assert done.exit_code == 0
    assert "Exit codes: 0 done; 1 the answer is no" in " ".join(done.stdout.split())


@pytest.mark.parametrize("words", [("halt",), ("run", "show"), ("commits", "resolve"), ("policy", "check"), ("serve",)])
def test_help_teaches_by_example(run: Run, words: tuple[str, ...]) -> None:
    """Every command shows one."""
    assert f"Example: countersign {' '.join(words)}" in " ".join(run(*words, "--help").stdout.split())


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPS])
def test_a_command_alone_is_the_one_in_the_whole(name: str) -> None:
    """Only what is asked for is imported, and it says the same."""
    alone, whole = (CliRunner().invoke(command_line(asked), [name, "--help"], prog_name="countersign").stdout for asked in (name, ""))

    assert alone == whole
    assert f"Usage: countersign {name}" in alone


def test_a_halt_waits_for_nothing_it_does_not_need() -> None:
    """Neither what thinks nor what judges nor what stores is loaded first."""
    asked = "import sys; from gateway.cli.main import command_line; command_line('halt'); print(*sys.modules)"
    loaded = set(process("-c", asked).stdout.split())

    assert "gateway.cli.halts" in loaded
    assert not loaded & {"openai", "aiohttp", "httpx", "httpx2", "apsw", "asyncpg", "gateway.app"}


def test_a_gateway_without_a_model_loads_no_sdk() -> None:
    """Neither that of a model nor that of an MCP server: each takes as long to load as half of the house."""
    loaded = set(process("-c", "import sys, gateway.app; print(*sys.modules)").stdout.split())

    assert "gateway.adapters.agent_runner" in loaded
    assert not loaded & {"openai", "mcp"}


def test_a_wrong_word_is_wrong_input(run: Run) -> None:
    """With the likely one."""
    done = run("hatls")

    assert done.exit_code == 2
    assert "halts" in done.stderr


def test_the_version_is_said() -> None:
    """As the module, too."""
    done = process("-m", "gateway", "version")

    assert done.returncode == 0
    assert done.stdout.startswith("countersign-gateway ")


def test_without_assertions_it_does_not_run() -> None:
    """They are how bugs are noticed before they write."""
    done = process("-O", "-m", "gateway", "version")

    assert done.returncode == 70
    assert "assertions are switched off" in done.stderr
    assert done.stdout == ""


def test_a_bug_has_a_code_of_its_own() -> None:
    """Whole, and not to be taken for a no."""
    done = process("-c", BROKEN)

    assert done.returncode == 70
    assert "ZeroDivisionError: as planned" in done.stderr
    assert "this is a bug of ours" in done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain ünïcode 漢字", "plain ünïcode 漢字"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("\x9b31m", "\\x9b31m"),
        ("\ud800", "\\ud800"),
        ("x" * 2_001, "x" * 2_000 + "…"),
    ],
)
def test_text_from_elsewhere_is_shown_never_sent(text: str, expected: str) -> None:
    """Control characters, one-byte escapes, direction marks, lone surrogates, length."""
    assert plain(text) == expected


@pytest.mark.parametrize(
    ("micros", "expected"),
    [(99_000_000, "99.00 USD"), (1_234_567_890_123, "1,234,567.890123 USD"), (500, "0.0005 USD"), (0, "0.00 USD"), (-1_500_000, "-1.50 USD")],
)
def test_money_is_shown_whole(micros: int, expected: str) -> None:
    """No float rounds it."""
    assert money(micros, "USD") == expected


def test_bytes_in_json_are_text_or_digests() -> None:
    """By what they are, never broken."""
    assert as_json({"digest": b"\x01\xff", "host_response": b'{"a": "\xff"}'}) == {"digest": "01ff", "host_response": '{"a": "\\xff"}'}
