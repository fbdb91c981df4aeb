"""A store is filled in parts: whoever was told to stop ends what it has begun, and whoever comes later goes on from there."""

import asyncio
from pathlib import Path

import pytest

from benchmarks.retention.__main__ import filled
from benchmarks.retention.commits import RUN_COMMITS, Maker
from benchmarks.retention.filling import Progress, fill
from benchmarks.retention.places import FULL, PLACES
from gateway.adapters.system import SystemClock
from gateway.domain.conservation import discrepancies
from gateway.domain.lifecycle import State
from tests.fakes.postgres import Server, programs


@pytest.mark.parametrize("store", [*PLACES])
async def test_filling_goes_on_from_what_is_there(store: str, folder: Path) -> None:
    """Twice, over a server or a file that was left in between: as many as were asked for, in runs that ended, and everything adds up."""
    for wanted in (40, 60):
        async with PLACES[store](folder) as place:
            assert await filled(place, wanted, asyncio.Event())

            assert await place.commits() == wanted
    async with PLACES[store](folder) as place:
        opened = await place.open(FULL, SystemClock())
        books = await opened.books()
        await opened.close()
    assert discrepancies(books) == []
    assert {row.state for row in books.commits} == {State.SUCCEEDED}
    assert [run.steps for run in books.runs if run.stop is not None] == [RUN_COMMITS] * (60 // RUN_COMMITS)


async def test_told_to_stop_it_ends_the_runs_it_has_begun(folder: Path) -> None:
    """Each of those side by side makes no more than the one it is at."""
    told = asyncio.Event()
    async with PLACES["sqlite"](folder) as place:
        opened = await place.open(FULL, SystemClock())
        maker = Maker(opened, SystemClock())
        await maker.begin()

        filling = asyncio.create_task(fill(maker, there=0, wanted=100_000, told=told, tell=print, at_once=3))
        await maker.run()
        told.set()
        progress = await filling

        made, runs = await place.commits(), (await opened.books()).runs
        await opened.close()
    assert made == progress.made + RUN_COMMITS
    assert made < 1_000
    assert all(run.stop is not None for run in runs)


def test_progress_is_told_with_what_is_left() -> None:
    """How many, how fast, how long."""
    said: list[str] = []
    progress = Progress(there=100, wanted=1_100, tell=said.append, told_every_s=0.0)

    progress.one_more()

    assert said[0].startswith("104 of 1,100 commits, ")
    assert said[0].endswith("minutes left")


async def test_a_server_that_nobody_could_end_is_ended(folder: Path) -> None:
    """Whoever was killed while he filled left it running: the next one stops it and begins his own."""
    async with PLACES["postgres"](folder):
        pass
    left = Server(programs(), kept=folder / "server")
    left.start()
    try:
        await left.ready()

        async with PLACES["postgres"](folder) as place:
            assert await place.commits() == 0

        assert left.process is not None
        assert left.process.poll() == 0
    finally:
        left.end()
