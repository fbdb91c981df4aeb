"""A whole weighing, as small as one can be, over each store; twice over the same one."""

import asyncio
import json
from pathlib import Path

import apsw
import pytest

from benchmarks.retention import __main__ as command
from benchmarks.retention.checking import CheckFailed
from benchmarks.retention.places import FULL, PLACES
from benchmarks.retention.weighing import Plan
from gateway.adapters.store.trouble import StoreRefused

PLAN = Plan(turns=2, questions=4, collect=64, collect_turns=2)
COMMITS = 240  # more entries than are fetched together
QUESTIONS = {"t1", "t2", "recall_of_a_new_key", "recall_of_an_old_key", "page_of_a_listing", "what_is_due"}


@pytest.mark.parametrize("store", [*PLACES])
async def test_what_is_weighed_adds_up(store: str, folder: Path) -> None:
    """Bounded as asked, runs and keys go with their commits, as many come again, and the store is checked before and after."""
    async with PLACES[store](folder) as place:
        await command.filled(place, COMMITS, asyncio.Event(), at_once=4)

        document = await command.weighed(place, PLAN, folder=folder, times=2)

    first, second = json.loads(json.dumps(document))["weighings"]
    for made in (first, second):
        rows = [pace["rows"] for pace in made["collecting"].values()]
        assert [one["commits"] for one in rows] == [64, 64]
        assert sum(one["runs"] for one in rows) > 0
        assert sum(one["tombstones"] for one in rows) == sum(one["commits"] + one["runs"] for one in rows)
        assert made["made_afterwards"]["commits"] == 128
        assert made["full_and_empty"].keys() == QUESTIONS
        assert all(ratio["ratio_p50"] > 0 for ratio in made["full_and_empty"].values())
        assert made["bytes"]["before"]["all"] > made["bytes"]["before"]["entries"] > 0
        assert made["bytes_a_commit"]["entries"]["rows"] > 0
        assert made["bytes_a_commit"][""][""] == round(made["bytes"]["before"]["all"] / made["commits"], 1)
        assert all(one["memory_bytes_max"] > 0 for one in made["check"])
    assert first["check"][0]["commits"] == first["commits"] == COMMITS
    assert first["check"][1]["commits"] == second["commits"] >= COMMITS


async def test_a_store_that_does_not_add_up_is_not_weighed(folder: Path) -> None:
    """Exit code 1, with what was found."""
    async with PLACES["sqlite"](folder) as place:
        await command.filled(place, 8, asyncio.Event())
        connection = apsw.Connection(str(folder / f"{FULL}.db"))
        connection.execute("UPDATE nodes SET held = held + 1")
        connection.close()

        with pytest.raises(CheckFailed, match="held"):
            await command.weighed(place, PLAN, folder=folder, times=1)


@pytest.mark.parametrize("mounts", ["tmpfs / tmpfs rw 0 0", ""])
def test_a_folder_in_memory_is_refused(mounts: str) -> None:
    """A store weighs and costs something on a disk."""
    with pytest.raises(StoreRefused, match="on a disk"):
        command.disk(Path("/srv"), mounts)


def test_each_store_has_its_part_of_the_document(tmp_path: Path) -> None:
    """Written again, a part takes the place of what it was."""
    file = tmp_path / "growth.json"
    command.write(file, "sqlite", {"weighings": [1]})
    command.write(file, "postgres", {"weighings": [2]})

    command.write(file, "sqlite", {"weighings": [3]})

    assert json.loads(file.read_bytes()) == {"sqlite": {"weighings": [3]}, "postgres": {"weighings": [2]}}
