"""Runs one suite in this process: `python -m tests.prove.one NAME …`. The frame starts it; a failing case is replayed by hand through `tests.prove`.

1. Progress goes to standard output as lines `progress N`; the report goes to a file, so that nothing a suite prints can spoil it.
2. Test files are run by pytest, with temporary files of their own: errors and skips count as failures.
"""

import argparse
import importlib
import json
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn
from xml.etree import ElementTree as ET

from tests.prove.suite import FAILURES_MAX, Assignment, Failure, Report, Run
from tests.prove.table import ALL, BY_NAME, Row

ROOT: Final = Path(__file__).resolve().parents[2]
PROGRESS: Final = "progress "


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.prove.one")
    parser.add_argument("name", choices=[*BY_NAME])
    parser.add_argument("--volume", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--failures-max", type=int, default=FAILURES_MAX)
    parser.add_argument("--report", type=Path, required=True)
    asked = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupted)  # so that a suite that is ended ends what it began
    with tempfile.TemporaryDirectory(prefix="cs-prove-") as folder:
        volume = 0 if asked.volume == ALL else asked.volume
        given = Assignment(
            volume=volume, seed=asked.seed, only=asked.only, folder=Path(folder), told=_told, part=asked.part, parts=asked.parts,
            failures_max=asked.failures_max,
        )  # fmt: skip
        report = run(BY_NAME[asked.name], given)
    asked.report.write_text(json.dumps({**written(report), "cpu_s": _cpu_s()}))
    return 1 if report.failures else 0


def written(report: Report) -> dict[str, object]:
    """As JSON takes it, whatever mapping a suite counts in: of a Counter, `asdict` would make one that counts pairs."""
    return asdict(replace(report, counted={**report.counted}))


def run(row: Row, given: Assignment) -> Report:
    if isinstance(row.runs, tuple):
        return _run_tests((given.only,) if given.only else row.runs)
    suite: Run = importlib.import_module(row.runs).run
    report = suite(given)
    if given.only or report.failures or report.volume >= max(1, given.share):
        return report
    short = Failure(case="", what=f"{report.volume} cases of {given.share} ran: nothing is proved by the others")
    return replace(report, failures=(short,))


def _run_tests(files: Sequence[str]) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "junit_family=xunit1"]
        command += [f"--basetemp={Path(folder) / 't'}", f"--junitxml={written}", *files]
        done = subprocess.run(command, cwd=ROOT, check=False)
        if not written.exists():
            return Report(volume=0, failures=(Failure(case="", what="pytest wrote no report"),))
        cases = [*ET.parse(written).iter("testcase")]  # noqa: S314 - pytest's own report
    failures = [failure for case in cases if (failure := _failure(case))]
    if not failures and (done.returncode or not cases):
        failures.append(Failure(case="", what=f"pytest ended with {done.returncode} after {len(cases)} tests"))
    return Report(volume=len(cases), failures=tuple(failures))


def _failure(case: ET.Element) -> Failure | None:
    for tag in ("failure", "error", "skipped"):
        found = case.find(tag)
        if found is not None:
            said = (found.get("message") or "").strip().splitlines()
            return Failure(case=f"{case.get('file', '')}::{case.get('name', '')}", what=f"{tag}: {said[0] if said else ''}"[:300])
    return None


def _interrupted(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _cpu_s() -> float:
    """Of this process and of what it has started and seen end."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _told(done: int) -> None:
    sys.stdout.write(f"{PROGRESS}{done}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
