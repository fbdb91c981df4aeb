"""A question costs what it returns, whatever else the store holds: counted in steps of SQLite's machine."""

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from gateway.adapters.store.read import Reader
from gateway.adapters.store.shelves import stretch_of
from gateway.domain.budget import Window
from gateway.ports.store import Shelf
from tests.contract.collecting import ample
from tests.contract.store_desk import TENANT, Desk, limit, run_named, writes
from tests.fakes.clock import FakeClock


def steps_of(file: Path, ask: Callable[[Reader], object]) -> int:
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    reader, steps = Reader(connection, boot_id="", clock=FakeClock()), 0

    def step() -> bool:
        nonlocal steps
        steps += 1
        return False

    connection.set_progress_handler(step, 1)
    ask(reader)
    connection.close()
    return steps


async def filled(desk: Desk, commits: int) -> None:
    """Each in a run of its own, with a budget."""
    desk.terms = ample(budgets=[limit(5, window=Window.DAY)])
    for number in range(commits):
        await desk.committed(desk.ask(f"K-{commits}-{number}", run=run_named(f"R-{commits}-{number}"), costs=writes(1)))


@pytest.mark.parametrize("shelf", [Shelf.WINDOWS, Shelf.DECISIONS, Shelf.STEPS, Shelf.TOMBSTONES])
async def test_runs_that_are_kept_do_not_slow_a_look_at_another_shelf(desk: Desk, tmp_path: Path, shelf: Shelf) -> None:
    """The budgets of runs lie in the table of the shelf of windows, before those that are on it."""

    def look(reader: Reader) -> object:
        return stretch_of(reader, shelf, bookmark="", limit=16)

    before = steps_of(tmp_path / "store.db", look)
    await filled(desk, 100)

    assert steps_of(tmp_path / "store.db", look) < before + 100


async def test_a_page_of_a_listing_is_not_paid_for_by_the_pages_after_it(desk: Desk, tmp_path: Path) -> None:
    """The newest five of a hundred take as much as the newest five of ten."""

    def page(reader: Reader) -> object:
        return reader.commits_down(tenant=TENANT, state="", workflow="", before=2**62, limit=5)

    await filled(desk, 10)
    before = steps_of(tmp_path / "store.db", page)
    await filled(desk, 90)

    assert steps_of(tmp_path / "store.db", page) == before
