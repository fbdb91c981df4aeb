"""Bugs are planted, one at a time, in a copy of the tree; the named test of each has to fail, and is green without it.

1. The working tree is never touched. Each worker has a copy of its own, in which Python finds our packages first, and
   a process whose forks import them as they stand then.
2. Red means that the test ran and failed. A bug that keeps it from running, or a text that is not there, is a failure of the control.
"""

import compileall
import json
import os
import py_compile
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from xml.etree import ElementTree as ET

from tests.faults.mutants.mutant import Mutant, NotPlanted
from tests.faults.mutants.planted import BY_NAME, FIRST, MUTANTS
from tests.prove.suite import Assignment, Failure, Report

ROOT: Final = Path(__file__).resolve().parents[2]
_COPIED: Final = ("gateway", "agent", "clients/python/src", "policies", "examples", "benchmarks", "tests", "proto")
_FILES: Final = ("pyproject.toml",)
_WORKERS: Final = 2
_TEST_S_MAX: Final = 60
_TRYING: Final = "tests/faults/mutants/trying.py"
_OPTIONS: Final = ("-q", "-p", "no:cacheprovider", "-o", f"timeout={_TEST_S_MAX}", "-W", "ignore::pytest.PytestAssertRewriteWarning")
_RED: Final = 1  # pytest: tests ran, some failed


def run(given: Assignment) -> Report:
    """At quick size the bugs that guard money and writes, else all."""
    chosen = (BY_NAME[given.only],) if given.only else FIRST if given.volume == len(FIRST) else MUTANTS
    left: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in chosen:
        left.put(mutant)
    failures: list[Failure] = []
    done: list[str] = []
    with ExitStack() as stack:
        trees = [stack.enter_context(Tree(given.folder / f"tree-{number}")) for number in range(min(_WORKERS, len(chosen)))]
        without = _green(trees[0], [mutant.test for mutant in chosen])
        if without:
            return Report(volume=0, failures=(Failure(case="", what=f"without any planted bug: {without}"),))

        def work(tree: Tree) -> None:
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


class Tree:
    """A copy of ours, and a process in it that runs its tests."""

    def __init__(self, root: Path) -> None:
        self.root = root
        ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".*_cache")
        for name in _COPIED:
            shutil.copytree(ROOT / name, root / name, ignore=ignored)
        for name in _FILES:
            shutil.copy(ROOT / name, root / name)
        (root / ".tools").symlink_to(ROOT / ".tools")
        # held to their sources by a hash: what is planted is never taken for what was there
        compileall.compile_dir(root, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
        self.environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'clients/python/src'}", "PYTHONDONTWRITEBYTECODE": "1"}

    def __enter__(self) -> Self:
        command = [sys.executable, "-P", str(self.root / _TRYING)]
        self._trying = subprocess.Popen(command, cwd=self.root, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._trying.stdin is not None
        assert self._trying.stdout is not None
        self._trying.stdin.close()
        self._trying.wait()
        self._trying.stdout.close()

    def test(self, tests: Sequence[str], *options: str) -> tuple[int, list[ET.Element], str]:
        """How pytest ended, its cases, what it said."""
        report, said = self.root / "report.xml", self.root / "said"
        report.unlink(missing_ok=True)
        assert self._trying.stdin is not None
        assert self._trying.stdout is not None
        self._trying.stdin.write(json.dumps([str(said), *_OPTIONS, f"--junitxml={report}", *options, *tests]) + "\n")
        self._trying.stdin.flush()
        code = int(self._trying.stdout.readline())
        cases = [*ET.parse(report).iter("testcase")] if report.exists() else []  # noqa: S314 - pytest's own report
        return code, cases, said.read_text(errors="replace")


def _control(mutant: Mutant, tree: Tree) -> str:
    """What is wrong with this control, or ""."""
    whole = {tree.root / file: (tree.root / file).read_text() for file in mutant.files if (tree.root / file).is_file()}
    try:
        mutant.plant(tree.root)
        code, cases, said = tree.test([mutant.test], "-x")
    except NotPlanted as moved:
        return str(moved)
    finally:
        for path, source in whole.items():
            path.write_text(source)
    failed = [case for case in cases if case.find("failure") is not None]
    if code == _RED and failed:
        return ""
    return f"{mutant.bug}: planted, and {mutant.test} did not fail (pytest ended with {code}): {said[-400:]}"


def _green(tree: Tree, tests: Sequence[str]) -> str:
    """What keeps the named tests from being green without a planted bug, or ""."""
    found = subprocess.run(
        [sys.executable, "-c", "import agent, countersign, gateway; print(agent.__file__, countersign.__file__, gateway.__file__)"],
        cwd=tree.root, env=tree.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if found.returncode or any(not path.startswith(str(tree.root)) for path in found.stdout.split()):
        return f"the copy is not what Python finds: {found.stdout}{found.stderr[-500:]}"
    code, cases, said = tree.test(sorted(set(tests)))
    bad = [f"{case.get('name')}" for case in cases if any(case.find(tag) is not None for tag in ("failure", "error", "skipped"))]
    return f"{', '.join(bad) or 'the named tests'} not green (pytest ended with {code}): {said[-1500:]}" if code or bad else ""
