"""The command in this process, and an operator's listener to talk to."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import command_line
from tests.unit.gateway.cli.scripted import ScriptedOperator

Run = Callable[..., Result]
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def listener() -> Iterator[ScriptedOperator]:
    """On a short path: the name of a socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="cs-") as folder:
        scripted = ScriptedOperator(Path(folder))
        scripted.start()
        yield scripted
        scripted.stop()


@pytest.fixture
def run() -> Run:
    """Runs `countersign` with these words. The environment is what is said here and nothing else of ours."""

    def command(*words: str, environment: dict[str, str] | None = None) -> Result:
        unset: dict[str, str | None] = {"COUNTERSIGN_OPERATOR": None, "COUNTERSIGN_OPERATOR_TOKEN_FILE": None, "FORCE_COLOR": None, "COLUMNS": None}
        return CliRunner().invoke(command_line(*words[:1]), list(words), env=unset | (environment or {}), prog_name="countersign")

    return command


@pytest.fixture
def ask(run: Run, listener: ScriptedOperator) -> Run:
    """The same, talking to the scripted listener."""

    def command(*words: str) -> Result:
        return run(*words, "--gateway", listener.address)

    return command
