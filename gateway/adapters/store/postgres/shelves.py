"""What is kept for a time, read from a bookmark on in stretches. A bookmark is a JSON array: the place of the last row, in its shelf's order."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from gateway.adapters.store.codec import Columns, commit_of, step_of
from gateway.adapters.store.postgres.rows import decision_of, run_of, window_of
from gateway.adapters.store.postgres.statements import Statements
from gateway.domain.budget import Level
from gateway.domain.records import Tombstone
from gateway.ports.store import Shelf, Shelved, Stretch

SHELVES: Final = Statements("shelves")

_FIRST_NODES: Final = Level.TENANT.value  # keys of nodes begin with their level: those of runs come before, and may be many


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a shelf is read: `sql` takes the values of a bookmark, then the greatest number of rows."""

    sql: str
    begin: tuple[Any, ...]
    row: Callable[[Columns], Shelved]
    place: Callable[[Columns], tuple[Any, ...]]

    def starts(self, bookmark: str) -> tuple[Any, ...]:
        """Raises ValueError for a bookmark of another shelf."""
        begin = tuple(_thawed(value) for value in orjson.loads(bookmark)) if bookmark else self.begin
        if [type(one) for one in begin] != [type(one) for one in self.begin]:
            raise ValueError("the bookmark is of another shelf")
        return begin

    def stretch(self, found: list[Columns], *, limit: int) -> Stretch:
        ended = len(found) < limit
        bookmark = "" if ended else orjson.dumps([_frozen(one) for one in self.place(found[-1])]).decode()
        return Stretch(tuple(self.row(values) for values in found), bookmark)


def _frozen(value: Any) -> object:  # noqa: ANN401 - a column
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _thawed(value: Any) -> object:  # noqa: ANN401 - a column
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


PLANS: Final = {
    Shelf.COMMITS: Plan(
        sql=SHELVES.taking("commits", "place", "count_max"), begin=(0,), row=lambda values: commit_of(values[1:]), place=lambda values: values[:1]
    ),
    Shelf.DECISIONS: Plan(
        sql=SHELVES.taking("decisions", "place", "count_max"), begin=(0,), row=lambda values: decision_of(values[1:]), place=lambda values: values[:1]
    ),
    Shelf.STEPS: Plan(
        sql=SHELVES.taking("steps", "recorded_at_ms", "entry_hash", "count_max"), begin=(-1, b""), row=step_of, place=lambda values: (values[5], values[0])
    ),
    Shelf.RUNS: Plan(
        sql=SHELVES.taking("runs", "stopped_at_ms", "tenant", "run_id", "workflow", "count_max"), begin=(-1, "", "", ""), row=run_of,
        place=lambda values: (values[8], values[0], values[2], values[1]),
    ),
    Shelf.WINDOWS: Plan(
        sql=SHELVES.taking("windows", "node_key", "window_start_ms", "count_max"), begin=(_FIRST_NODES, -1), row=window_of, place=lambda values: values[:2]
    ),
    Shelf.TOMBSTONES: Plan(
        sql=SHELVES.taking("tombstones", "retired_at_ms", "key_hash", "count_max"), begin=(-1, b""), row=lambda values: Tombstone(*values),
        place=lambda values: (values[1], values[0]),
    ),
}  # fmt: skip
