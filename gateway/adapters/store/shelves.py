"""What is kept for a time, read from a bookmark on in stretches. A bookmark is a JSON array: the place of the last row, in its shelf's order."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from gateway.adapters.store.codec import Columns, commit_of, decision_of, node_of, run_of, step_of
from gateway.adapters.store.load import Loader
from gateway.adapters.store.statements import Statements
from gateway.domain.budget import Level
from gateway.domain.records import Tombstone
from gateway.ports.store import Shelf, Shelved, Stretch

SHELVES: Final = Statements("shelves")

_FIRST_NODES: Final = Level.TENANT.value  # keys of nodes begin with their level: those of runs come before, and may be many


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    sql: str  # takes a bookmark's values, then the greatest number of rows
    begin: tuple[Any, ...]
    row: Callable[[Columns], Shelved]
    place: Callable[[Columns], tuple[Any, ...]]


def stretch_of(loader: Loader, shelf: Shelf, *, bookmark: str, limit: int) -> Stretch:
    """Raises ValueError for a bookmark of another shelf."""
    plan = _PLANS[shelf]
    begin = tuple(_thawed(value) for value in orjson.loads(bookmark)) if bookmark else plan.begin
    if [type(one) for one in begin] != [type(one) for one in plan.begin]:
        raise ValueError("the bookmark is of another shelf")
    found = loader.all_of(plan.sql, (*begin, limit))
    ended = len(found) < limit
    return Stretch(tuple(plan.row(values) for values in found), "" if ended else orjson.dumps([_frozen(one) for one in plan.place(found[-1])]).decode())


def _frozen(value: Any) -> object:  # noqa: ANN401 - a column
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _thawed(value: Any) -> object:  # noqa: ANN401 - a column
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


def _tombstone_of(values: Columns) -> Tombstone:
    return Tombstone(*values)


_PLANS: Final = {
    Shelf.COMMITS: _Plan(
        sql=SHELVES.taking("commits", "place", "count_max"), begin=(0,), row=lambda values: commit_of(values[1:]), place=lambda values: values[:1]
    ),
    Shelf.DECISIONS: _Plan(
        sql=SHELVES.taking("decisions", "place", "count_max"), begin=(0,), row=lambda values: decision_of(values[1:]), place=lambda values: values[:1]
    ),
    Shelf.STEPS: _Plan(
        sql=SHELVES.taking("steps", "recorded_at_ms", "entry_hash", "count_max"), begin=(-1, b""), row=step_of, place=lambda values: (values[5], values[0])
    ),
    Shelf.RUNS: _Plan(
        sql=SHELVES.taking("runs", "stopped_at_ms", "tenant", "run_id", "workflow", "count_max"), begin=(-1, "", "", ""), row=run_of,
        place=lambda values: (values[8], values[0], values[2], values[1]),
    ),
    Shelf.WINDOWS: _Plan(
        sql=SHELVES.taking("windows", "node_key", "window_start_ms", "count_max"), begin=(_FIRST_NODES, -1), row=lambda values: node_of(values[1:]),
        place=lambda values: (values[0], values[8]),
    ),
    Shelf.TOMBSTONES: _Plan(
        sql=SHELVES.taking("tombstones", "retired_at_ms", "key_hash", "count_max"), begin=(-1, b""), row=_tombstone_of,
        place=lambda values: (values[1], values[0]),
    ),
}  # fmt: skip
