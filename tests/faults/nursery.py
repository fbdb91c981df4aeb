"""`python -m tests.faults.nursery`: brings real gateways into the world quickly, one process each.

1. Everything is imported once, and policies are prepared once; each gateway is a fork made before anything of gRPC exists, and runs `gateway.app.serve`.
   What is there before a fork is no garbage of it: a fork that looked through it would copy it.
2. One command a line: `start SETTINGS LOG CLOCK STOP [NETWORK]` → the pid; `wait PID` → how it ended (a signal is negative); `spared` → the seconds a
   start was spared, for those who time one. `CLOCK` is `-`, or a file of milliseconds that are added to the wall clock: how a day passes between two lines
   of the gateway's code. `STOP` is a file that names a moment: the gateway that comes to it stops itself there, once. `NETWORK` is the network namespace
   it lives in, where that is another than ours.
3. A fork lets anybody trace it, so that a suite may inject faults where the kernel allows tracing of children alone.
4. When standard input ends, so do the gateways it still has; and they die with it, however it dies.
"""

import ctypes
import gc
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Final, NoReturn

import uvloop

import gateway.adapters.system
from gateway import app
from gateway.adapters.hosts.http import HttpHost
from gateway.adapters.hosts.link import Link
from gateway.config import load
from gateway.domain.host_answer import HttpReply, Observation, Silent
from gateway.ports.host import Delivery
from tests.faults.prepared import Prepared
from tests.faults.replicas.network import enter

BEFORE_THE_LOOK: Final = "before the look"
BEFORE_THE_BYTE: Final = "before the byte"
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_PTRACER: Final = 0x59616D61
_ANYBODY: Final = ctypes.c_ulong(-1)


class JumpingClock(gateway.adapters.system.SystemClock):
    """The machine's clocks, with a wall clock that jumps when a file says so."""

    file: Path

    def now_ms(self) -> int:
        return super().now_ms() + int(self.file.read_text() or "0")


def _stop_at(file: Path) -> None:
    """Two moments: before a sender looks at its clocks for the last time, and between that look and the first byte."""
    apply, exchange = HttpHost.apply, Link.exchange

    def stop(moment: str) -> None:
        if file.exists() and file.read_text() == moment:
            file.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)

    async def apply_after(host: HttpHost, delivery: Delivery) -> Observation:
        stop(BEFORE_THE_LOOK)
        return await apply(host, delivery)

    async def exchange_after(link: Link, request: bytes, *, send_timeout_s: float, read_timeout_s: float, body_bytes_max: int) -> HttpReply | Silent:
        stop(BEFORE_THE_BYTE)
        return await exchange(link, request, send_timeout_s=send_timeout_s, read_timeout_s=read_timeout_s, body_bytes_max=body_bytes_max)

    setattr(HttpHost, "apply", apply_after)  # noqa: B010 - said as what it is: this gateway's code has a moment more
    setattr(Link, "exchange", exchange_after)  # noqa: B010 - as above


def _become_a_gateway(settings: Path, log: Path, clock: str, stop: Path, network: str) -> NoReturn:
    code = 70
    try:
        if network:
            enter(Path(network))
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        libc.prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, handle in ((0, nothing), (1, said), (2, said)):
            os.dup2(handle, number)
        if clock != "-":
            JumpingClock.file = Path(clock)
            setattr(app, "SystemClock", JumpingClock)  # noqa: B010 - said as what it is: this gateway lives on another clock
        _stop_at(stop)
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
    prepared = Prepared()
    setattr(app.parts, "prepare", prepared.prepare)  # noqa: B010 - said as what it is: these gateways are spared what all would do alike
    for line in sys.stdin:
        match line.split():
            case ["start", settings, log, clock, stop, *network]:
                prepared.learn(Path(settings))
                gc.freeze()
                pid = os.fork()
                if pid == 0:
                    _become_a_gateway(Path(settings), Path(log), clock, Path(stop), "".join(network))
                born.add(pid)
                _say(str(pid))
            case ["wait", number]:
                _, status = os.waitpid(int(number), 0)
                born.discard(int(number))
                _say(str(os.waitstatus_to_exitcode(status)))
            case ["spared"]:
                _say(f"{prepared.spared_s:.3f}")
            case _:
                raise ValueError(f"no such command: {line!r}")
    for pid in born:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    _say("ready")
    main()
