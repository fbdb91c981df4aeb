"""Bugs are planted, one at a time, in a copy of the tree; the named test of each has to fail, and is green without it.

1. The working tree is never touched. Each worker has a copy of its own, in which Python finds our packages first.
2. Red means that the test ran and failed. A bug that keeps it from running, or a text that is not there, is a failure of the control.
"""

import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from tests.faults.mutants.mutant import Mutant, NotPlanted
from tests.faults.mutants.planted import BY_NAME, FIRST, MUTANTS
from tests.prove.suite import Assignment, Failure, Report

ROOT: Final = Path(__file__).resolve().parents[2]
_COPIED: Final = ("gateway", "agent", "clients/python/src", "policies", "examples", "benchmarks", "tests", "proto")
_FILES: Final = ("pyproject.toml",)
_WORKERS: Final = 2
_TEST_S_MAX: Final = 60
_RED: Final = 1  # pytest: tests ran, some failed


def run(given: Assignment) -> Report:
    """At quick size the bugs that guard money and writes, else all."""
    chosen = (BY_NAME[given.only],) if given.only else FIRST if given.volume == len(FIRST) else MUTANTS
    left: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in chosen:
        left.put(mutant)
    failures: list[Failure] = []
    done: list[str] = []
    trees = [_copy(given.folder / f"tree-{number}") for number in range(min(_WORKERS, len(chosen)))]
    without = _green(trees[0], [mutant.test for mutant in chosen])
    if without:
        return Report(volume=0, failures=(Failure(case="", what=f"without any planted bug: {without}"),))

    def work(tree: Path) -> None:
        while True:
            try:
                mutant = left.get_nowait()
            except queue.Empty:
                return
            wrong = _control(mutant, tree)
            if wrong:
                failures.append(Failure(case=mutant.name, what=wrong))
            done.append(mutant.name)
            given.told(len(done))

    workers = [threading.Thread(target=work, args=(tree,)) for tree in trees]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return Report(volume=len(done), failures=tuple(failures), note="each planted alone, each caught by its named test" if not failures else "")


def _copy(tree: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".*_cache")
    for name in _COPIED:
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    for name in _FILES:
        shutil.copy(ROOT / name, tree / name)
    (tree / ".tools").symlink_to(ROOT / ".tools")
    return tree


def _control(mutant: Mutant, tree: Path) -> str:
    """What is wrong with this control, or ""."""
    whole = {tree / file: (tree / file).read_text() for file in mutant.files if (tree / file).is_file()}
    try:
        mutant.plant(tree)
        code, cases, said = _pytest(tree, [mutant.test], "-x")
    except NotPlanted as moved:
        return str(moved)
    finally:
        for path, source in whole.items():
            path.write_text(source)
    failed = [case for case in cases if case.find("failure") is not None]
    if code == _RED and failed:
        return ""
    return f"{mutant.bug}: planted, and {mutant.test} did not fail (pytest ended with {code}): {said[-400:]}"


def _green(tree: Path, tests: Sequence[str]) -> str:
    """What keeps the named tests from being green without a planted bug, or ""."""
    found = subprocess.run(
        [sys.executable, "-c", "import agent, countersign, gateway; print(agent.__file__, countersign.__file__, gateway.__file__)"],
        cwd=tree, env=_environment(tree), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if found.returncode or any(not path.startswith(str(tree)) for path in found.stdout.split()):
        return f"the copy is not what Python finds: {found.stdout}{found.stderr[-500:]}"
    code, cases, said = _pytest(tree, sorted(set(tests)))
    bad = [f"{case.get('name')}" for case in cases if any(case.find(tag) is not None for tag in ("failure", "error", "skipped"))]
    return f"{', '.join(bad) or 'the named tests'} not green (pytest ended with {code}): {said[-1500:]}" if code or bad else ""


def _pytest(tree: Path, tests: Sequence[str], *options: str) -> tuple[int, list[ET.Element], str]:
    report = tree / "report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", f"timeout={_TEST_S_MAX}", f"--junitxml={report}", *options, *tests]
    done = subprocess.run(command, cwd=tree, env=_environment(tree), capture_output=True, text=True, check=False)
    cases = [*ET.parse(report).iter("testcase")] if report.exists() else []  # noqa: S314 - pytest's own report
    return done.returncode, cases, done.stdout + done.stderr


def _environment(tree: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'clients/python/src'}", "PYTHONDONTWRITEBYTECODE": "1"}
