"""Labelled cases, one JSON object a line: `{"name": "…", "context": {…}, "options": ["…"], "expected": "…" | ["…"] | null}`.

1. `name` and `options` may be left out; `expected` null means that it should abstain, a list that any of these is right.
2. The context is handed on as its own bytes; the boundary's schema judges it, not this.
"""

import json
from pathlib import Path
from typing import Final

from gateway.cli.exits import Ends, end
from gateway.domain.limits import CONTEXT_BYTES_MAX
from gateway.service.assess import Case

_CASES_MAX: Final = 100_000
_GOAL_CHARS_MAX: Final = 4_000
_KEYS: Final = {"name", "context", "options", "expected"}


def read_text(written: str) -> bytes:
    """Inline JSON, or the content of a file. Ends the command where there is none."""
    if written.lstrip().startswith("{"):
        return written.encode()
    try:
        with Path(written).open("rb") as opened:
            return opened.read(CONTEXT_BYTES_MAX + 1)
    except OSError as failed:
        end(Ends.INPUT, f"{written} cannot be read: {failed.strerror}", "Write the JSON itself, beginning with {, or name its file.")


def read_goal(written: str) -> str:
    """The content of a file, or the goal itself. Ends the command where it is longer than a goal may be."""
    try:
        goal = Path(written).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        goal = written
    if not 0 < len(goal) <= _GOAL_CHARS_MAX:
        end(Ends.INPUT, f"a goal of {len(goal)} characters", f"Write 1 to {_GOAL_CHARS_MAX}.")
    return goal


def read_cases(file: Path) -> list[Case]:
    """Ends the command at the first line that is none."""
    try:
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as failed:
        end(Ends.INPUT, f"{file} cannot be read: {failed}", "Name a file of JSON lines.")
    if not 0 < len(lines) <= _CASES_MAX:
        end(Ends.INPUT, f"{file} holds {len(lines)} cases", f"Write one to {_CASES_MAX:,}, one JSON object a line.")
    return [_case(file, number, line) for number, line in enumerate(lines, 1)]


def _case(file: Path, number: int, line: str) -> Case:
    place = f"{file}:{number}"
    try:
        given = json.loads(line)
    except ValueError as wrong:
        end(Ends.INPUT, f"{place}: no JSON: {wrong}", "Write one JSON object a line.")
    if not isinstance(given, dict) or not given.keys() <= _KEYS or "expected" not in given or not isinstance(given.get("context"), dict):
        end(Ends.INPUT, f"{place}: a case has context and expected, and may have name and options", 'Write {"context": {…}, "expected": "team_pro"}.')
    options, expected = given.get("options", []), given["expected"]
    right = [] if expected is None else [expected] if isinstance(expected, str) else expected
    if not _names(options) or not _names(right) or (options and not set(right) <= set(options)):
        end(Ends.INPUT, f"{place}: options are names, and expected is one of them, some of them or null", 'Write "expected": "team_pro".')
    name = str(given.get("name", number))
    return Case(name=name, context=json.dumps(given["context"]).encode(), options=tuple(options), expected=tuple(right))


def _names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one for one in value)
