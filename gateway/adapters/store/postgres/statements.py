"""Named SQL of the PostgreSQL store: statements live in `.sql` files, and are asked for by name together with the order of their parameters.

1. `-- name: x` begins a statement. `@list` stands for a column list of `columns.sql`, `v.@list` for each of its columns of `v`, `:@list` for a parameter
   of each: an array of the column's type, so that a statement takes any number of rows.
2. Parameters are named in the files and bound by position. Whoever asks for a statement says their order; one too many or too few is an error at import.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
_NAMED: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT: Final = re.compile(r"--[^\n]*")
_PARAMETER: Final = re.compile(r"(?<![:\w]):(\w+)")
_LIST: Final = re.compile(r"(:|\b\w+\.)?@(\w+)")
_SERVES: Final = re.compile(r"-- serves: (\d+)\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered file. A gateway that knows the schema up to `serves`, or a newer one, works on the schema that this file makes."""

    version: int
    name: str
    serves: int
    sql: str


class Statements:
    """The statements of one file."""

    def __init__(self, name: str) -> None:
        self._statements = _read(_FOLDER / "sql" / f"{name}.sql")
        self.unasked = set(self._statements)  # a test sees that nothing is left here

    def taking(self, name: str, *parameters: str) -> str:
        """The statement, to be executed with values in this order. Raises AssertionError when it takes other parameters."""
        self.unasked.discard(name)
        sql = _LIST.sub(lambda found: _listed(found[1] or "", found[2]), self._statements[name])
        named = list(dict.fromkeys(_PARAMETER.findall(sql)))
        assert sorted(named) == sorted(parameters), f"{name} takes {named}, not {list(parameters)}"
        sql = _PARAMETER.sub(lambda found: f"${parameters.index(found[1]) + 1}", sql)
        return " ".join(sql.split())


def columns(name: str) -> tuple[str, ...]:
    """The names of a column list."""
    return tuple(column for column, _ in _COLUMNS[name])


def types(name: str) -> tuple[str, ...]:
    """The types of a column list."""
    return tuple(kind for _, kind in _COLUMNS[name])


def migrations() -> list[Migration]:
    """Oldest first; versions have no gap."""
    found = [_migration(file) for file in sorted((_FOLDER / "migrations").glob("*.sql"))]
    assert [one.version for one in found] == list(range(1, len(found) + 1)), "migrations are numbered without a gap"
    return found


def _migration(file: Path) -> Migration:
    sql = file.read_text("utf-8")
    serves = _SERVES.match(sql)
    assert serves, f"{file.name} begins with `-- serves: N`"
    return Migration(version=int(file.stem.partition("_")[0]), name=file.stem, serves=int(serves[1]), sql=sql)


def _listed(prefix: str, name: str) -> str:
    if prefix == ":":
        return ", ".join(f":{column}::{kind}[]" for column, kind in _COLUMNS[name])
    return ", ".join(prefix + column for column, _ in _COLUMNS[name])


def _read(file: Path) -> Mapping[str, str]:
    _, *parts = _NAMED.split(file.read_text("utf-8"))
    return {name: _COMMENT.sub("", sql).strip().removesuffix(";") for name, sql in zip(parts[::2], parts[1::2], strict=True)}


def _typed(sql: str) -> tuple[tuple[str, str], ...]:
    pairs = [column.split() for column in sql.split(",")]
    return tuple((name, kind) for name, kind in pairs)


_COLUMNS: Final = {name: _typed(sql) for name, sql in _read(_FOLDER / "sql" / "columns.sql").items()}
