"""Named SQL: statements live in `.sql` files, with their comments, and are asked for by name together with the order of their parameters.

1. `-- name: x` begins a statement. `@list` stands for a column list of `columns.sql`, `:@list` for a parameter of each of its columns.
2. Parameters are named in the files and bound by position, which is fast. Whoever asks for a statement says the order of its parameters;
   one too many or too few is an error at import.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
_NAMED: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT: Final = re.compile(r"--[^\n]*")
_PARAMETER: Final = re.compile(r"(?<![:\w]):(\w+)")


class Statements:
    """The statements of one file."""

    def __init__(self, name: str) -> None:
        self._statements = _read(_FOLDER / "sql" / f"{name}.sql")
        self.unasked = set(self._statements)  # a test sees that nothing is left here

    def taking(self, name: str, *parameters: str) -> str:
        """The statement, to be executed with values in this order. Raises AssertionError when it takes other parameters."""
        self.unasked.discard(name)
        sql = _PARAMETER.sub(lambda found: f"?{parameters.index(found[1]) + 1}", self._checked(name, parameters))
        return " ".join(sql.split())

    def _checked(self, name: str, parameters: tuple[str, ...]) -> str:
        sql = _LIST.sub(lambda found: _listed(found[1], found[2]), self._statements[name])
        named = list(dict.fromkeys(_PARAMETER.findall(sql)))
        assert sorted(named) == sorted(parameters), f"{name} takes {named}, not {list(parameters)}"
        return sql


def columns(name: str) -> tuple[str, ...]:
    """A column list."""
    return tuple(column.strip() for column in _COLUMNS[name].split(","))


def migrations() -> list[tuple[int, str, str]]:
    """(version, name, SQL) of every migration, oldest first; versions have no gap."""
    files = sorted((_FOLDER / "migrations").glob("*.sql"))
    found = [(int(file.stem.partition("_")[0]), file.stem, file.read_text("utf-8")) for file in files]
    assert [version for version, _, _ in found] == list(range(1, len(found) + 1)), "migrations are numbered without a gap"
    return found


def _listed(prefix: str, name: str) -> str:
    return ", ".join(prefix + column for column in columns(name))


def _read(file: Path) -> Mapping[str, str]:
    _, *parts = _NAMED.split(file.read_text("utf-8"))
    return {name: _COMMENT.sub("", sql).strip().removesuffix(";") for name, sql in zip(parts[::2], parts[1::2], strict=True)}


_COLUMNS: Final = _read(_FOLDER / "sql" / "columns.sql")
_LIST: Final = re.compile(r"(:?)@(\w+)")
