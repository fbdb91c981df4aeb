"""`make prove`: each guarantee with the tests that would fail if it did not hold, run now, and what came of it.

1. A row without tests, or whose tests did not run, is a failure: nothing is proved by absence.
2. This is what this version proves. The fault-injecting suites (crash sweeps, power loss, partitions) are not part of it yet.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.table import Table

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """`slow` runs with SIZE=full and soak alone: it starts real processes."""

    says: str
    tests: tuple[str, ...]
    slow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    passed: int
    failed: int


GUARANTEES: Final = (
    Guarantee(says="at most one forward on the wire, whatever a host does", tests=("tests/unit/gateway/adapters/hosts",)),
    Guarantee(says="one key and content: one commit, one answer", tests=("tests/contract/test_store_exam.py", "tests/unit/gateway/service/test_commit.py")),
    Guarantee(says="authorised never exceeds the limit; 1,000 at once against 50 admit 50", tests=("tests/contract/test_store_exam_budgets.py",)),
    Guarantee(
        says="an unknown outcome is a state: held, never re-run, settled by evidence alone",
        tests=("tests/contract/test_store_exam_unknowns.py", "tests/unit/gateway/service/test_reconcile.py", "tests/unit/gateway/domain/test_host_answer.py"),
    ),
    Guarantee(says="after T1 the record is completed whoever leaves", tests=("tests/unit/gateway/service/test_commit_after_t1.py",)),
    Guarantee(says="after Halt returned nothing in scope is admitted", tests=("tests/contract/test_store_exam_halts.py",)),
    Guarantee(says="an acknowledged write survives kill -9, a failing disk ends the store", tests=("tests/unit/gateway/adapters/store",)),
    Guarantee(
        says="undefined, misspelt, mistyped or erring policy denies; no engine, no verdict",
        tests=("tests/contract/test_policy_exam.py", "tests/unit/gateway/domain/test_verdict.py", "tests/unit/gateway/stages/test_judge.py"),
    ),
    Guarantee(says="what OPA judged and what the host parses is one document", tests=("tests/unit/gateway/domain/test_strict_json.py",)),
    Guarantee(says="every thought ends inside its limits", tests=("tests/contract/test_thinker_exam.py", "tests/contract/test_thinker_hostile.py")),
    Guarantee(says="the house: directions, sizes, each contract breakable", tests=("tests/architecture",)),
    Guarantee(
        says="killed between forward and settle: UNKNOWN, settled once; no secret in a log", tests=("tests/e2e/test_subscription.py",), slow=True
    ),
    Guarantee(
        says="bad input and settings: a precise error, nothing kept",
        tests=("tests/e2e/test_bad_input.py", "tests/e2e/test_refuses_to_start.py"),
        slow=True,
    ),
)  # fmt: skip


def run(guarantee: Guarantee) -> Result:
    """Errors and skips count as failed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *guarantee.tests]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if not report.exists():
            print(done.stdout[-2000:] + done.stderr[-2000:])
            return Result(passed=0, failed=1)
        cases = [*ET.parse(report).iter("testcase")]  # noqa: S314 - pytest's own report
    bad = sum(any(case.find(tag) is not None for tag in ("failure", "error", "skipped")) for case in cases)
    if bad or done.returncode:
        print(done.stdout[-4000:])
    return Result(passed=len(cases) - bad, failed=max(bad, 1 if done.returncode or not cases else 0))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make prove", description="Run the suites behind the guarantees.")
    parser.add_argument("--size", choices=("quick", "full", "soak"), default="quick", help="quick leaves out what starts real processes")
    asked = parser.parse_args()
    table = Table("guarantee", "test", "volume", "result", title=f"what this version proves ({asked.size})")
    passed = failed = 0
    for guarantee in GUARANTEES:
        if guarantee.slow and asked.size == "quick":
            table.add_row(guarantee.says, "\n".join(guarantee.tests), "-", "with SIZE=full")
            continue
        result = run(guarantee)
        passed, failed = passed + result.passed, failed + result.failed
        table.add_row(guarantee.says, "\n".join(guarantee.tests), str(result.passed + result.failed), "FAILED" if result.failed else "ok")
    Console(width=150).print(table)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
