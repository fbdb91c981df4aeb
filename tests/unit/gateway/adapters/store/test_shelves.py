"""A look at a shelf costs what it returns, whatever else the store holds."""

from pathlib import Path

import apsw
import pytest

from gateway.adapters.store.load import Loader
from gateway.adapters.store.shelves import stretch_of
from gateway.domain.budget import Window
from gateway.ports.store import Shelf
from tests.contract.collecting import ample
from tests.contract.store_desk import Desk, limit, run_named, writes


def steps_of(file: Path, shelf: Shelf) -> int:
    """Of SQLite's machine, for the first look."""
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    loader, steps = Loader(connection), 0

    def step() -> bool:
        nonlocal steps
        steps += 1
        return False

    connection.set_progress_handler(step, 1)
    stretch_of(loader, shelf, bookmark="", limit=16)
    connection.close()
    return steps


@pytest.mark.parametrize("shelf", [Shelf.WINDOWS, Shelf.DECISIONS, Shelf.STEPS, Shelf.TOMBSTONES])
async def test_runs_that_are_kept_do_not_slow_a_look_at_another_shelf(desk: Desk, tmp_path: Path, shelf: Shelf) -> None:
    """The budgets of runs lie in the table of the shelf of windows, before those that are on it."""
    desk.terms = ample(budgets=[limit(5, window=Window.DAY)])
    before = steps_of(tmp_path / "store.db", shelf)
    for number in range(100):
        await desk.committed(desk.ask(f"K-{number}", run=run_named(f"R-{number}"), costs=writes(1)))

    assert steps_of(tmp_path / "store.db", shelf) < before + 100
