"""Faults at the boundary to the kernel: strace, attached to a running gateway, makes the Nth call of a kind fail, wait, or be the last.

1. strace counts each thread and each system call apart: a point is (call, N), and the first thread to reach it meets the fault.
2. Where strace is missing, or may not trace, a suite fails with a sentence; it never passes for that reason.
"""

import re
import select
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

WRITES: Final = ("write", "writev", "pwrite64", "pwritev", "fdatasync", "fsync", "ftruncate", "unlink", "sendto", "sendmsg")
_ATTACH_S_MAX: Final = 20.0
_CALL: Final = re.compile(r"^(\d+) +(\w+)\(")


class NoTracing(Exception):
    """strace is not there or may not trace: what to do about it."""


class Tracing:
    """`with Tracing(pid, …)`: attached on entry, let go on exit. `inject` as strace writes it, like `fdatasync:signal=SIGKILL:when=2`."""

    def __init__(self, pid: int, *, log: Path, calls: Iterable[str] = WRITES, inject: str = "") -> None:
        found = shutil.which("strace")
        if found is None:
            raise NoTracing("strace is not on PATH, and faults are injected with it; install it (Debian: apt-get install strace) and run this again")
        self.log = log
        self._command = [found, "-f", "-o", str(log), "-e", f"trace={','.join(calls)}", *(["-e", f"inject={inject}"] if inject else [])]
        self._command += ["-p", str(pid)]
        self._strace: subprocess.Popen[str]

    def __enter__(self) -> Self:
        self._strace = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert self._strace.stderr is not None
        ready = select.select([self._strace.stderr], [], [], _ATTACH_S_MAX)[0]
        said = self._strace.stderr.readline() if ready else "nothing"
        if "attached" not in said:
            self._strace.kill()
            self._strace.wait()
            raise NoTracing(f"strace cannot attach to a gateway; it said: {said.strip()}. Allow tracing (kernel.yama.ptrace_scope, CAP_SYS_PTRACE)")
        return self

    def ended(self, *, within_s: float) -> bool:
        """Whether the traced process has ended, which ends the tracing."""
        try:
            self._strace.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._strace.poll() is None:
            self._strace.send_signal(signal.SIGTERM)  # it lets the traced process go on
            try:
                self._strace.wait(_ATTACH_S_MAX)
            except subprocess.TimeoutExpired:
                self._strace.kill()
                self._strace.wait()
        assert self._strace.stderr is not None
        self._strace.stderr.close()


def most_of(log: Path) -> dict[str, int]:
    """Of each call, the greatest number that one thread made."""
    by_thread: Counter[tuple[str, str]] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        if found := _CALL.match(line):
            by_thread[found.group(1), found.group(2)] += 1
    most: dict[str, int] = {}
    for (_, call), count in by_thread.items():
        most[call] = max(count, most.get(call, 0))
    return most
