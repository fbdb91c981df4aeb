"""`docs/generated/guarantees.md`: the table with what came of it the last time it was run in full.

1. Its shape (which guarantee, which suite, where) comes from `table.py` and is checked for staleness; volumes and results are what a run found.
2. A row that was never run in full says so. Nothing here ever claims more than a run has shown.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.mutants.planted import MUTANTS
from tests.prove.running import Ran
from tests.prove.table import TABLE, Row

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "generated" / "guarantees.md"
NOT_RUN: Final = "not run yet"
_HEAD: Final = """# What is guaranteed, and how each promise is tested

Written by `make prove SIZE=full`, drawn from `tests/prove/table.py`. The invariants are those of `tests/prove/README.md`.
Volumes and results are of the last full run; a failing case is printed with the command that runs it again.

| guarantee | suite | where | holds | volume | result |
|---|---|---|---|---|---|
"""
_CONTROLS: Final = """
## Planted bugs, and the test or suite that catches each

The suite `controls` plants them one at a time in a copy of the sources: the named test, or a few cases of the named suite, fails with it and is green without.
Those marked ● guard money and writes, and are planted at every size.

| | planted bug | caught by |
|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Found:
    volume: str
    result: str


def rendered(rows: Sequence[Row], found: Mapping[str, Found]) -> str:
    lines = []
    for row in rows:
        of_row = found.get(row.name, Found(NOT_RUN, NOT_RUN))
        lines.append(f"| {row.guarantee} | `{row.name}` | `{row.where}` | {row.holds} | {of_row.volume} | {of_row.result} |\n")
    controls = [f"| {'●' if one.first else ''} | {one.bug} | `{one.caught_by}` |\n" for one in MUTANTS]
    return _HEAD + "".join(lines) + _CONTROLS + "".join(controls)


def found_in(text: str) -> dict[str, Found]:
    """What an existing page says of each suite, by its name."""
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    return {row[1].strip("`"): Found(row[4], row[5]) for row in cells if len(row) == 6 and row[1].startswith("`")}


def found_by(ran: Sequence[Ran]) -> dict[str, Found]:
    return {
        one.row.name: Found(
            "; ".join(filter(None, [f"{one.report.volume} {one.row.counts}", one.report.remark])),
            f"{len(one.report.failures)} FAILED" if one.report.failures else "passed",
        )
        for one in ran
    }  # fmt: skip


def write(found: Mapping[str, Found]) -> None:
    """Rows that were not run keep what the page says of them."""
    before = found_in(PAGE.read_text()) if PAGE.exists() else {}
    PAGE.write_text(rendered(TABLE, {**before, **found}))


def stale() -> bool:
    text = PAGE.read_text() if PAGE.exists() else ""
    return text != rendered(TABLE, found_in(text))


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.prove.page")
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        write({})
        return 0
    if stale():
        print(f"{PAGE.name} does not have the rows of tests/prove/table.py: run `make gen`.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
