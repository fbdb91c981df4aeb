"""Runs rows of the table, each in a process of its own or in several that share its cases, a few at once, and says how far each is.

1. A suite that hangs is ended with everything it started, and failed; so is one that ends without a report.
2. What a suite prints is kept and shown only when it fails.
3. What takes longest begins first, and beside it whatever there is room for: suites that mostly wait share a core.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.prove.one import PROGRESS, ROOT
from tests.prove.suite import Failure, Report, Size, together
from tests.prove.table import Row

_LINES_KEPT: Final = 60
_LINE_BYTES_MAX: Final = 1 << 20
_ENDS_S_MAX: Final = 10.0
_CORE: Final = 112  # percent that its suites may fill together, about: they seldom do at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One row, run."""

    row: Row
    report: Report
    took_s: float  # from the beginning of its first part to the end of its last
    said: tuple[str, ...]  # the last lines it printed
    cpu_s: float = 0.0  # of its processes, as far as they saw each other end

    @property
    def passed(self) -> int:
        return max(0, self.report.volume - len(self.report.failures))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is the same for every row of one `make prove`."""

    size: Size
    seed: int
    only: str
    jobs: int  # cores to fill
    told: Callable[[Row, str], None]  # how far a row is: "begins", "12 of 60", "ok in 3 s"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What came of one process."""

    report: Report
    said: Sequence[str]
    cpu_s: float


@dataclass(slots=True, kw_only=True)
class _UnderWay:
    """A row, and how far its parts are together."""

    row: Row
    asked: Asked
    parts: int
    done: list[int] = field(default_factory=list)  # cases, by part
    ended: dict[int, _Part] = field(default_factory=dict)
    began_s: float = 0.0
    took_s: float = 0.0

    def begins(self) -> None:
        if not self.done:
            self.done, self.began_s = [0] * self.parts, time.monotonic()
            self.asked.told(self.row, "begins")

    def comes_to(self, part: int, done: str) -> None:
        self.done[part] = int(done)
        volume = self.row.volume(self.asked.size)
        self.asked.told(self.row, f"{sum(self.done)}{f' of {volume}' if volume > 0 else ''} {self.row.counts}")

    def ends(self, part: int, came_of_it: _Part) -> None:
        self.ended[part] = came_of_it
        if len(self.ended) == self.parts:
            self.took_s = time.monotonic() - self.began_s
            ran = self.ran()
            self.asked.told(self.row, f"{'FAILED' if ran.report.failures else 'ok'}: {ran.report.volume} {self.row.counts} in {ran.took_s:.0f} s")

    def ran(self) -> Ran:
        parts = [self.ended[part] for part in sorted(self.ended)]
        said = tuple(line for part in parts for line in part.said[-_LINES_KEPT:])
        report = together([part.report for part in parts])
        return Ran(row=self.row, report=report, took_s=self.took_s, said=said, cpu_s=sum(part.cpu_s for part in parts))


async def run_all(rows: Sequence[Row], asked: Asked) -> list[Ran]:
    """Answered in the order of `rows`."""
    begun = [_UnderWay(row=row, asked=asked, parts=1 if asked.only else row.parts_at(asked.size)) for row in rows]
    waiting = [(one, part) for one in sorted(begun, key=lambda one: -one.row.long) for part in range(one.parts)]
    running: dict[asyncio.Task[None], int] = {}
    while waiting or running:
        for one, part in [*waiting]:
            if not running or sum(running.values()) + one.row.load <= asked.jobs * _CORE:
                waiting.remove((one, part))
                running[asyncio.create_task(_run_part(one, part))] = one.row.load
        for task in (await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED))[0]:
            del running[task]
            task.result()
    return [one.ran() for one in begun]


async def _run_part(one: _UnderWay, part: int) -> None:
    row, asked = one.row, one.asked
    one.begins()
    with tempfile.TemporaryDirectory() as folder:
        report_file = Path(folder) / "report.json"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.prove.one", row.name, "--volume", str(row.volume(asked.size)), "--seed", str(asked.seed)),
            *("--only", asked.only, "--part", str(part), "--parts", str(one.parts), "--report", str(report_file)),
            cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True, limit=_LINE_BYTES_MAX,
        )  # fmt: skip
        said: list[str] = []
        try:
            await asyncio.wait_for(_listen(process, said, one, part), row.seconds_max(asked.size))
            hung = False
        except TimeoutError:
            hung = True
        finally:
            await _end(process)
        report, cpu_s = _read(report_file, row, process.returncode, hung_after_s=row.seconds_max(asked.size) if hung else 0)
    one.ends(part, _Part(report=report, said=said, cpu_s=cpu_s))


async def _listen(process: asyncio.subprocess.Process, said: list[str], one: _UnderWay, part: int) -> None:
    assert process.stdout is not None, "its output is ours"
    while line := await process.stdout.readline():
        text = line.decode(errors="replace").rstrip("\n")
        if text.startswith(PROGRESS):
            one.comes_to(part, text.removeprefix(PROGRESS))
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


def _read(file: Path, row: Row, code: int | None, *, hung_after_s: int) -> tuple[Report, float]:
    """The report, and the CPU seconds it speaks of."""
    if hung_after_s:
        return Report(volume=0, failures=(Failure(case="", what=f"{row.name} had not ended after {hung_after_s} s"),)), 0.0
    if not file.exists():
        return Report(volume=0, failures=(Failure(case="", what=f"{row.name} ended with {code} and no report"),)), 0.0
    written = json.loads(file.read_text())
    failures = tuple(Failure(**one) for one in written["failures"])
    return Report(volume=written["volume"], failures=failures, note=written["note"], counted=written["counted"]), written["cpu_s"]
