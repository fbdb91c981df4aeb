"""The command's own help as one page, so that what is read is what is typed."""

from collections.abc import Iterator
from typing import Final

from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from gateway.cli.exits import MEANINGS
from gateway.cli.main import command_line
from gateway.cli.pages_of_law import table

_WIDTH: Final = 110


def commands() -> str:
    """Every command with its help, and the exit codes."""
    codes = table(("exit code", "meaning"), [(str(int(code)), meaning) for code, meaning in MEANINGS.items()])
    page = f"# The `countersign` command\n\n{codes}"
    app = command_line()
    for words in _paths(get_command(app), ()):
        shown = CliRunner().invoke(app, [*words, "--help"], prog_name="countersign", terminal_width=_WIDTH, color=False)
        page += f"\n## `{' '.join(('countersign', *words))}`\n\n```\n{_trimmed(shown.stdout)}\n```\n"
    return page


def _paths(command: object, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The groups are told by their members; only what can be run has a section, and the whole."""
    if not isinstance(command, TyperGroup) or not words:
        yield words
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from _paths(inner, (*words, name))


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
