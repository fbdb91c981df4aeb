"""How a command ends. Scripts branch on the code; people read the sentence on standard error.

1. Each code has one meaning, for every command; `--help` and `docs/generated/cli.md` are drawn from this table.
2. What went wrong and what to do about it goes to standard error; standard output carries answers alone.
"""

from enum import IntEnum
from typing import Final, NoReturn

import typer

from gateway.cli.screen import complain


class Ends(IntEnum):
    OK = 0
    NO = 1
    INPUT = 2
    UNREACHABLE = 3
    REFUSED = 4
    BUG = 70


MEANINGS: Final = {
    Ends.OK: "done",
    Ends.NO: "the answer is no: nothing found, or findings",
    Ends.INPUT: "the command, its files or its settings are wrong",
    Ends.UNREACHABLE: "no gateway answered, or it cannot answer now",
    Ends.REFUSED: "the gateway refused: this listener may not, or the state does not allow it",
    Ends.BUG: "a bug of ours",
}

EPILOG: Final = "Exit codes: " + "; ".join(f"{int(code)} {meaning}" for code, meaning in MEANINGS.items()) + "."


def end(code: Ends, what: str, write: str = "") -> NoReturn:
    """Says what is wrong and what to do, and ends the command."""
    complain(what, write)
    raise typer.Exit(int(code))
