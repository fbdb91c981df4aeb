"""Porcupine, a checker by others, asked about a history of ours: a process in Go that has the contract's rules a second time, in its own words (`go/`).

1. Built when a suite begins, by the Go of this machine; one process for the whole suite. Where it cannot be had, `NoPorcupine` says what is missing.
2. It is told what callers asked and were told, and what the store held; nothing that our own checker has made of it.
"""

import json
import math
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.simulation.history import History
from tests.simulation.ledger_spec import Claim, Look, Switch, What
from tests.simulation.wgl import Op

SOURCES: Final = Path(__file__).resolve().parent / "go"
LINEARIZABLE: Final = "linearizable"
NOT_LINEARIZABLE: Final = "not linearizable"
_BUILDS_S_MAX: Final = 300
_ENDS_S_MAX: Final = 10


class NoPorcupine(Exception):
    """It cannot be built, or ended where it had to answer."""


class Porcupine:
    def __init__(self, folder: Path, *, go: str = "go") -> None:
        self._program = folder / "porcupine"
        self._said = folder / "porcupine.log"
        self._go = go

    def __enter__(self) -> Self:
        if shutil.which(self._go) is None:
            raise NoPorcupine(f"{self._go} is not installed; histories are judged by Porcupine as well, a Go module, and one opinion alone proves less")
        built = subprocess.run([self._go, "build", "-o", str(self._program), "."], cwd=SOURCES, capture_output=True, timeout=_BUILDS_S_MAX, check=False)
        if built.returncode:
            raise NoPorcupine(f"{self._go} build ended with {built.returncode}: {built.stderr.decode(errors='replace')[-500:]}")
        with self._said.open("wb") as said:
            self._process = subprocess.Popen([str(self._program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process.stdin is not None, "a pipe"
        assert self._process.stdout is not None, "a pipe"
        with suppress(BrokenPipeError):  # it has ended by itself
            self._process.stdin.close()  # which is how it is told to end
        self._process.stdout.close()
        self._process.wait(_ENDS_S_MAX)

    def verdict(self, history: History) -> str:
        """`LINEARIZABLE`, `NOT_LINEARIZABLE`, or another word where it gave up."""
        assert self._process.stdin is not None, "a pipe"
        assert self._process.stdout is not None, "a pipe"
        with suppress(BrokenPipeError):  # it answers nothing either
            self._process.stdin.write(as_line(history))
            self._process.stdin.flush()
        answered = self._process.stdout.readline()
        if not answered:
            raise NoPorcupine(f"Porcupine ended instead of answering; it said: {self._said.read_text(errors='replace')[-500:]}")
        return str(json.loads(answered)["verdict"])


def as_line(history: History) -> bytes:
    """A history in JSON, as `go/history.go` reads it."""
    rows = [
        {"key": key, "name": row.name, "content": row.content, "amount": row.amount, "state": row.state, "reason": row.reason}
        for key, of_key in history.rows.items()
        for row in of_key
    ]
    return json.dumps({"limit": history.limit, "rows": rows, "told": [_told(op) for op in history.told]}).encode() + b"\n"


def _told(op: Op[What]) -> Mapping[str, object]:
    lost = math.isinf(op.ends_s)
    assert lost is op.optional, "what has no answer may never have happened, and what has one did happen"
    when = {"begins": op.begins_s, "ends": None if lost else op.ends_s}
    match op.what:
        case Claim(key=key, content=content, supersedes=supersedes, expected=expected):
            return {**when, "claim": {"key": key, "content": content, "supersedes": supersedes, "told": expected}}
        case Look(key=key, name=name, state=state, newest=newest):
            return {**when, "look": {"key": key, "name": name, "state": state, "newest": newest}}
        case Switch(name=name, on=on):
            return {**when, "switch": {"name": name, "on": on}}
        case _:
            raise AssertionError(f"nobody is told of {op.what}")
