"""What is wrong with a file that somebody wrote.

1. A finding says where (file, line, column), what was seen, and what to write instead. All findings at once: one round of repairs.
2. A finding never quotes the content of a secret file, and what it quotes of a file is short and on one line.
"""

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_SEEN_CHARS_MAX: Final = 60
_KNOWN_MAX: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`line` and `column` count from 1; 0 where there is no one place, as for an environment variable."""

    file: str
    line: int
    column: int
    message: str
    write: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}. {self.write}".strip()


class DeclarationRefused(Exception):
    """These files are not taken. `findings` has at least one."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        assert findings, "a refusal says why"
        super().__init__("\n".join(str(one) for one in findings))
        self.findings: Final = tuple(findings)


def nearest(name: str, known: Iterable[str]) -> str:
    """What the author may have meant, as a sentence: the nearest known name, or the names there are."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f'Did you mean "{near[0]}"?'
    if not names:
        return "There is none to name here."
    shown = ", ".join(names[:_KNOWN_MAX]) + (", …" if len(names) > _KNOWN_MAX else "")
    return f"Known here: {shown}."


def seen(value: object) -> str:
    """A value of a file, shown briefly."""
    match value:
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case None:
            return "nothing"
        case _:
            text = json.dumps(value, ensure_ascii=True, default=str)
            return text if len(text) <= _SEEN_CHARS_MAX else f"{text[:_SEEN_CHARS_MAX]}…"
