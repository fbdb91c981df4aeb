"""`python -m benchmarks.retention --store sqlite|postgres --commits N --folder DIR [--fill | --weigh]`: what a large store weighs and costs.

1. `--fill` makes commits in `DIR` until it holds N, whatever was there; interrupted, it is simply called again. `--weigh` measures what is there, and
   leaves about as much. Neither: both.
2. Exit 1 and no result when the store does not add up; exit 2 when it cannot be measured here.
3. A result goes into the FILE of `--json`, beside that of the other store.
"""

import argparse
import asyncio
import json
import signal
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import uvloop

from benchmarks import machine
from benchmarks.retention.checking import CheckFailed
from benchmarks.retention.collecting import Ahead
from benchmarks.retention.commits import RUN_COMMITS, Maker
from benchmarks.retention.filling import AT_ONCE, fill
from benchmarks.retention.places import FULL, PLACES, Place
from benchmarks.retention.weighing import Plan, weigh
from gateway.adapters.store.trouble import StoreRefused
from gateway.adapters.system import SystemClock

RESULT: Final = "growth"
_TURNS, _QUESTIONS, _COLLECT_TURNS = 7, 200, 5
_PACKAGES: Final = ("countersign-gateway", "apsw", "asyncpg", "orjson", "uvloop")
_NOT_COUNTED, _NOT_MEASURED = 1, 2


def tell(line: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", flush=True)


async def filled(place: Place, commits: int, told: asyncio.Event, *, at_once: int = AT_ONCE) -> bool:
    """Whether it holds so many, made in `at_once` runs side by side; not when it was `told` to stop."""
    clock = SystemClock()
    store = await place.open(FULL, clock)
    try:
        recovered, there = await store.recover(), await place.commits()
        tell(f"{there:,} commits are there, {recovered.commits} were left behind")
        maker = Maker(store, clock)
        await maker.begin()
        progress = await fill(maker, there=there, wanted=commits, told=told, tell=tell, at_once=at_once)
    finally:
        await store.close()
    tell(f"{there + progress.made:,} commits; {progress.per_s:.0f} a second")
    return not told.is_set()


async def weighed(place: Place, plan: Plan, *, folder: Path, times: int) -> dict[str, object]:
    """The part of the document that speaks of this store. Raises `CheckFailed`."""
    sync_us, clock = machine.sync_us(folder), Ahead(SystemClock())
    weighings = [await weigh(place, clock, plan, tell) for _ in range(times)]
    return {
        "taken_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "machine": machine.described(), "sync_us": round(sync_us),
        "versions": {name: version(name) for name in _PACKAGES}, "store": dict(place.server), "method": _method(plan), "weighings": weighings,
    }  # fmt: skip


def _method(plan: Plan) -> dict[str, str]:
    return {
        "commits": f"T1 and T2 over the real store, in runs of {RUN_COMMITS} that end; budgets of run, workflow and tenant; "
        f"{AT_ONCE} runs side by side to fill",
        "full_and_empty": f"one at a time, {plan.questions} of each in a turn, the stores in alternation, on one disk; ratios within a turn, "
        f"the median of {plan.turns} turns with the lowest and the highest",
        "collecting": f"{plan.collect} commits at each pace, in {plan.collect_turns} turns: single writes beside the collector ÷ as many without it",
        "bytes": "of rows and of each index; what was freed in the store and is used again counts",
        "check": "`countersign ledger check` in a process of its own, before everything else and after it",
    }


async def _main(asked: argparse.Namespace, plan: Plan) -> None:
    told = asyncio.Event()
    async with PLACES[asked.store](asked.folder) as place:
        if not asked.weigh:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, told.set)
            if not await filled(place, asked.commits, told) or asked.fill:
                return
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().remove_signal_handler(number)
        document = await weighed(place, plan, folder=asked.folder, times=asked.times)
    if asked.json is None:
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        write(asked.json, asked.store, document)


def write(file: Path, store: str, document: dict[str, object]) -> None:
    """Beside what the file says of the other store."""
    there = json.loads(file.read_bytes()) if file.exists() else {}
    file.write_text(json.dumps({**there, store: document}, indent=2, ensure_ascii=False) + "\n")


def disk(folder: Path, mounts: str) -> None:
    """Raises `StoreRefused` for a folder in memory, or on nobody knows what."""
    found = machine.file_system(folder, mounts)
    if not found or found in machine.IN_MEMORY:
        raise StoreRefused(f"the folder is on {found or 'an unknown file system'}; a store has to be weighed on a disk.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retention", description="What a large store weighs, and what a write costs in it.")
    parser.add_argument("--store", choices=[*PLACES], default="sqlite", help="(default %(default)s)")
    parser.add_argument("--folder", type=Path, required=True, help="on a real disk; what is filled stays there")
    parser.add_argument("--commits", type=int, default=100_000, help="how many the store is to hold (default %(default)s)")
    parser.add_argument("--collect", type=int, help="commits to collect, at each pace (default: a tenth of them)")
    parser.add_argument("--times", type=int, default=1, help="weighings, one after another (default %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the result goes, beside that of the other store (default: printed)")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--fill", action="store_true", help="fill only: go on from whatever is there")
    part.add_argument("--weigh", action="store_true", help="weigh only what is there")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(turns=_TURNS, questions=_QUESTIONS, collect=asked.collect or asked.commits // 10, collect_turns=_COLLECT_TURNS)
    try:
        disk(asked.folder, machine.mounts())
        uvloop.run(_main(asked, plan))
    except StoreRefused as why:
        print(f"cannot measure: {why}", file=sys.stderr)
        return _NOT_MEASURED
    except CheckFailed as why:
        print(f"this does not count: {why}", file=sys.stderr)
        return _NOT_COUNTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
