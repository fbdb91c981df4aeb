"""`make prove`: each guarantee with the suites that would fail if it did not hold, run now, and what came of them.

1. A row whose suite did not run, or ran fewer cases than asked, is a failure: nothing is proved by absence.
2. One seed for all: printed first, so that any run can be repeated; each failing case is printed with the command that runs it alone.
3. A full run writes `docs/generated/guarantees.md`; rows it left out keep what the page says of them.
"""

import argparse
import asyncio
import os
import secrets
import signal
import sys
import time
from typing import Final, NoReturn

from rich.console import Console
from rich.table import Table

from tests.faults.mutants.planted import FIRST, MUTANTS
from tests.prove import page
from tests.prove.running import Asked, Ran, run_all
from tests.prove.suite import Size
from tests.prove.table import BY_NAME, TABLE, Row

_TELLS_EVERY_S: Final = 15.0


class Telling:
    """One line when a suite begins, ends, or has gone on for a while."""

    def __init__(self) -> None:
        self._last_s: dict[str, float] = {}
        self._began_s = time.monotonic()

    def __call__(self, row: Row, what: str) -> None:
        now_s = time.monotonic()
        is_progress = what[0].isdigit()
        if is_progress and now_s - self._last_s.get(row.name, 0.0) < _TELLS_EVERY_S:
            return
        self._last_s[row.name] = now_s
        print(f"{now_s - self._began_s:6.0f} s  {row.name:<18} {what}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make prove", description="Run the suites behind the guarantees.")
    parser.add_argument("--size", type=Size, choices=[*Size], default=Size.QUICK, help="quick: 5 minutes; full: 20; soak: as long as it takes")
    parser.add_argument("--suite", action="append", choices=[*BY_NAME], help="only these suites")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="repeats a run")
    parser.add_argument("--only", default="", help="one case of one suite, as a failure named it")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="cores to fill")
    asked = parser.parse_args()
    if asked.only and len(asked.suite or []) != 1:
        parser.error("--only names a case of one --suite")
    named = [BY_NAME[name] for name in asked.suite] if asked.suite else [row for row in TABLE if row.volume(asked.size)]
    print(f"proving {len(named)} of {len(TABLE)} suites, size {asked.size}, seed {asked.seed}", flush=True)
    signal.signal(signal.SIGTERM, _interrupted)  # so that what the suites have started ends with us
    began_s = time.monotonic()
    ran = asyncio.run(run_all(named, Asked(size=asked.size, seed=asked.seed, only=asked.only, jobs=asked.jobs, told=Telling())))
    _tell_failures(ran, asked.size, asked.seed)
    _tell_table(ran, asked.size)
    controls = next((one for one in ran if one.row.name == "controls" and not asked.only), None)
    if controls is not None:
        _tell_controls(controls)
    if asked.size is Size.FULL and not asked.only:
        page.write(page.found_by(ran))
    took_s = time.monotonic() - began_s
    print(f"{took_s:.0f} s ({took_s / 60:.1f} min) by the clock, {sum(one.cpu_s for one in ran):.0f} s of CPU")
    passed, failed = sum(one.passed for one in ran), sum(len(one.report.failures) for one in ran)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _interrupted(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _tell_failures(ran: list[Ran], size: Size, seed: int) -> None:
    for one in ran:
        if not one.report.failures:
            continue
        print(f"\n{one.row.name}: the last it said")
        print("\n".join(f"  {line}" for line in one.said))
        for failure in one.report.failures:
            print(f"FAILED {one.row.name} {failure.case}: {failure.what}")
            only = f" --only '{failure.case}'" if failure.case else ""
            print(f"  again: .venv/bin/python -m tests.prove --size {size} --seed {seed} --suite {one.row.name}{only}")


def _tell_table(ran: list[Ran], size: Size) -> None:
    table = Table("guarantee", "suite", "volume", "time", "cpu", "result", title=f"what was proved ({size})")
    for one in ran:
        volume = "\n".join(filter(None, [f"{one.report.volume} {one.row.counts}", one.report.remark]))
        result = f"{len(one.report.failures)} FAILED" if one.report.failures else "passed"
        table.add_row(one.row.guarantee, one.row.name, volume, f"{one.took_s:.0f} s", f"{one.cpu_s:.0f} s", result)
    Console(width=150).print(table)


def _tell_controls(ran: Ran) -> None:
    missed = {failure.case for failure in ran.report.failures}
    planted = [mutant for mutant in MUTANTS if mutant.first or ran.report.volume > len(FIRST)]
    table = Table("planted bug", "test or suite", "result", title="planted bugs, and the tests and suites that have to catch them")
    for mutant in planted:
        result = "NOT CAUGHT" if mutant.name in missed else "caught" if "" not in missed else "not tried"
        table.add_row(mutant.bug, mutant.caught_by.rpartition("/")[2], result)
    Console(width=150).print(table)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; nothing is proved")
