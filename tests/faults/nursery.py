"""`python -m tests.faults.nursery`: brings real gateways into the world quickly, one process each.

1. Everything is imported once; each gateway is a fork made before anything of gRPC exists, in a session of its own, and runs `gateway.app.serve`.
2. One command a line: `start SETTINGS LOG CLOCK` → the pid; `wait PID` → how it ended (a signal is negative). `CLOCK` is `-`, or a file of
   milliseconds that are added to the wall clock: how a day passes between two lines of the gateway's code.
3. A fork lets anybody trace it, so that a suite may inject faults where the kernel allows tracing of children alone.
4. When standard input ends, so do the gateways it still has.
"""

import ctypes
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Final, NoReturn

import uvloop

import gateway.adapters.system
from gateway import app
from gateway.config import load

_PR_SET_PTRACER: Final = 0x59616D61
_ANYBODY: Final = ctypes.c_ulong(-1)


class JumpingClock(gateway.adapters.system.SystemClock):
    """The machine's clocks, with a wall clock that jumps when a file says so."""

    file: Path

    def now_ms(self) -> int:
        return super().now_ms() + int(self.file.read_text() or "0")


def _become_a_gateway(settings: Path, log: Path, clock: str) -> NoReturn:
    code = 70
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, handle in ((0, nothing), (1, said), (2, said)):
            os.dup2(handle, number)
        if clock != "-":
            JumpingClock.file = Path(clock)
            setattr(app, "SystemClock", JumpingClock)  # noqa: B010 - said as what it is: this gateway lives on another clock
        uvloop.run(app.serve(load(settings), announce=_say))
        code = 0
    finally:
        if (wrong := sys.exception()) is not None:
            traceback.print_exception(wrong)
        sys.stderr.flush()
        os._exit(code)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    born: set[int] = set()
    for line in sys.stdin:
        match line.split():
            case ["start", settings, log, clock]:
                pid = os.fork()
                if pid == 0:
                    _become_a_gateway(Path(settings), Path(log), clock)
                born.add(pid)
                _say(str(pid))
            case ["wait", number]:
                _, status = os.waitpid(int(number), 0)
                born.discard(int(number))
                _say(str(os.waitstatus_to_exitcode(status)))
            case _:
                raise ValueError(f"no such command: {line!r}")
    for pid in born:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    _say("ready")
    main()
