"""A copy of the tree to plant bugs in, and what runs in it: tests by pytest, suites as `make prove` runs them.

1. The working tree is never touched. In the copy Python finds our packages first; tests run in forks of one process, which import them as they stand then.
   Their temporary files are the copy's own: what runs of pytest share, each tidies up, and stumbles over what another has just tidied.
2. A suite that hangs is ended, and has shown nothing. It stays in the session of the suite that plants: what it may leave ends with that.
"""

import compileall
import json
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from xml.etree import ElementTree as ET

from tests.faults.mutants.mutant import Mutant, Trial

ROOT: Final = Path(__file__).resolve().parents[3]
_COPIED: Final = ("gateway", "agent", "clients/python/src", "policies", "examples", "benchmarks", "tests", "proto")
_FILES: Final = ("pyproject.toml",)
_TEST_S_MAX: Final = 60
_SUITE_S_MAX: Final = 240
_ENDS_S_MAX: Final = 30
_TRYING: Final = "tests/faults/mutants/trying.py"
_OPTIONS: Final = ("-q", "-p", "no:cacheprovider", "-o", f"timeout={_TEST_S_MAX}", "-W", "ignore::pytest.PytestAssertRewriteWarning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of tests or of a suite: the exit code, what failed, what could not run, and what was said."""

    code: int
    failed: tuple[str, ...]
    broken: tuple[str, ...]
    said: str


class Tree:
    """A copy of ours, and a process in it that runs its tests."""

    def __init__(self, root: Path) -> None:
        self._root = root
        ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".*_cache")
        for name in _COPIED:
            shutil.copytree(ROOT / name, root / name, ignore=ignored)
        for name in _FILES:
            shutil.copy(ROOT / name, root / name)
        (root / ".tools").symlink_to(ROOT / ".tools")
        # held to their sources by a hash: what is planted is never taken for what was there
        compileall.compile_dir(root, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
        self._environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'clients/python/src'}", "PYTHONDONTWRITEBYTECODE": "1"}

    def __enter__(self) -> Self:
        command = [sys.executable, "-P", str(self._root / _TRYING)]
        self._trying = subprocess.Popen(command, cwd=self._root, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._trying.stdin is not None
        assert self._trying.stdout is not None
        self._trying.stdin.close()
        self._trying.wait()
        self._trying.stdout.close()

    @contextmanager
    def planted(self, mutant: Mutant) -> Iterator[None]:
        """Raises `NotPlanted`. Afterwards the sources are as they were."""
        whole = {self._root / file: (self._root / file).read_text() for file in mutant.files if (self._root / file).is_file()}
        try:
            mutant.plant(self._root)
            yield
        finally:
            for path, source in whole.items():
                path.write_text(source)

    def unseen(self) -> str:
        """What keeps Python from finding this copy, or ""."""
        command = [sys.executable, "-c", "import agent, countersign, gateway; print(agent.__file__, countersign.__file__, gateway.__file__)"]
        found = subprocess.run(command, cwd=self._root, env=self._environment, capture_output=True, text=True, check=False)
        if found.returncode or any(not path.startswith(str(self._root)) for path in found.stdout.split()):
            return f"the copy is not what Python finds: {found.stdout}{found.stderr[-500:]}"
        return ""

    def test(self, tests: Sequence[str], *options: str) -> Ran:
        report, said, files = self._root / "report.xml", self._root / "said", self._root / "t"
        report.unlink(missing_ok=True)
        assert self._trying.stdin is not None
        assert self._trying.stdout is not None
        self._trying.stdin.write(json.dumps([str(said), *_OPTIONS, f"--basetemp={files}", f"--junitxml={report}", *options, *tests]) + "\n")
        self._trying.stdin.flush()
        code = int(self._trying.stdout.readline())
        cases = [*ET.parse(report).iter("testcase")] if report.exists() else []  # noqa: S314 - pytest's own report
        return Ran(code=code, failed=_named(cases, "failure"), broken=_named(cases, "error", "skipped"), said=said.read_text(errors="replace"))

    def suite(self, trial: Trial, *, seed: int) -> Ran:
        """What fails without being a case that was tried, such as a part of the suite that did not come up, is broken."""
        report, log = self._root / "report.json", self._root / "suite.log"
        report.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "tests.prove.one", trial.suite, "--volume", str(trial.volume), "--seed", str(seed)),
            *("--only", trial.only, "--failures-max", "1", "--report", str(report)),
        ]
        with log.open("w") as said:
            running = subprocess.Popen(command, cwd=self._root, env=self._environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        in_time = _ends(running, within_s=_SUITE_S_MAX)
        if not in_time:
            running.terminate()
            if not _ends(running, within_s=_ENDS_S_MAX):
                running.kill()
        code = running.wait()
        failures = json.loads(report.read_text())["failures"] if report.exists() else []
        failed, broken = (tuple(one["what"] for one in failures if bool(one["case"]) is tried) for tried in (True, False))
        late = () if in_time else (f"it had not ended after {_SUITE_S_MAX} s",)
        return Ran(code=code, failed=failed, broken=broken + late, said=log.read_text(errors="replace"))


def _ends(running: "subprocess.Popen[bytes]", *, within_s: float) -> bool:
    try:
        running.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _named(cases: Sequence[ET.Element], *tags: str) -> tuple[str, ...]:
    return tuple(f"{case.get('name')}" for case in cases if any(case.find(tag) is not None for tag in tags))
