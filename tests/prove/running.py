"""Runs rows of the table, each in a process of its own, a few at once, and says how far each is.

1. A suite that hangs is ended with everything it started, and failed; so is one that ends without a report.
2. What a suite prints is kept and shown only when it fails.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.prove.one import PROGRESS, ROOT
from tests.prove.suite import Failure, Report, Size
from tests.prove.table import Row

_LINES_KEPT: Final = 60
_LINE_BYTES_MAX: Final = 1 << 20
_ENDS_S_MAX: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One row, run."""

    row: Row
    report: Report
    took_s: float
    said: tuple[str, ...]  # the last lines it printed

    @property
    def passed(self) -> int:
        return max(0, self.report.volume - len(self.report.failures))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is the same for every row of one `make prove`."""

    size: Size
    seed: int
    only: str
    jobs: int  # suites at once
    told: Callable[[Row, str], None]  # how far a row is: "running", "12 of 60", "ok in 3 s"


async def run_all(rows: Sequence[Row], asked: Asked) -> list[Ran]:
    """Begun longest first; answered in the order of `rows`."""
    places = asyncio.Semaphore(asked.jobs)

    async def in_turn(row: Row) -> Ran:
        async with places:
            return await run_one(row, asked)

    begun = {row.name: asyncio.ensure_future(in_turn(row)) for row in sorted(rows, key=lambda row: -row.long)}
    await asyncio.gather(*begun.values())
    return [begun[row.name].result() for row in rows]


async def run_one(row: Row, asked: Asked) -> Ran:
    began_s = time.monotonic()
    asked.told(row, "begins")
    with tempfile.TemporaryDirectory() as folder:
        report_file = Path(folder) / "report.json"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.prove.one", row.name, "--volume", str(row.volume(asked.size)), "--seed", str(asked.seed)),
            *("--only", asked.only, "--report", str(report_file)),
            cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True, limit=_LINE_BYTES_MAX,
        )  # fmt: skip
        said: list[str] = []
        try:
            await asyncio.wait_for(_listen(process, said, row, asked), row.seconds_max(asked.size))
            hung = False
        except TimeoutError:
            hung = True
        finally:
            await _end(process)
        report = _read(report_file, row, process.returncode, hung_after_s=row.seconds_max(asked.size) if hung else 0)
    ran = Ran(row=row, report=report, took_s=time.monotonic() - began_s, said=tuple(said[-_LINES_KEPT:]))
    asked.told(row, f"{'FAILED' if report.failures else 'ok'}: {report.volume} {row.counts} in {ran.took_s:.0f} s")
    return ran


async def _listen(process: asyncio.subprocess.Process, said: list[str], row: Row, asked: Asked) -> None:
    assert process.stdout is not None, "its output is ours"
    volume = row.volume(asked.size)
    while line := await process.stdout.readline():
        text = line.decode(errors="replace").rstrip("\n")
        if text.startswith(PROGRESS):
            asked.told(row, f"{text.removeprefix(PROGRESS)}{f' of {volume}' if volume > 0 else ''} {row.counts}")
        else:
            said.append(text)
    await process.wait()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends what is left of its session: a suite that was cut off leaves nothing running."""
    try:
        os.killpg(process.pid, signal.SIGTERM if process.returncode is None else signal.SIGKILL)
    except ProcessLookupError:
        return
    if process.returncode is None:
        try:
            await asyncio.wait_for(process.wait(), _ENDS_S_MAX)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _read(file: Path, row: Row, code: int | None, *, hung_after_s: int) -> Report:
    if hung_after_s:
        return Report(volume=0, failures=(Failure(case="", what=f"{row.name} had not ended after {hung_after_s} s"),))
    if not file.exists():
        return Report(volume=0, failures=(Failure(case="", what=f"{row.name} ended with {code} and no report"),))
    written = json.loads(file.read_text())
    return Report(volume=written["volume"], failures=tuple(Failure(**one) for one in written["failures"]), note=written["note"])
