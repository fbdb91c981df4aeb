"""A child is started, watched, started again, and never outlives whoever started it."""

import asyncio
import os
import select
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.adapters.opa.supervisor import LINE_BYTES_MAX, ChildFailed, Pacing, Supervisor

PACING = Pacing(start_s_max=10, start_poll_s=0.005, health_every_s=0.01, health_s_max=5, restart_s_min=0.01, restart_s_max=0.05, grace_s=5)
LAUNCHER = Path("gateway/adapters/opa/launcher.py")

# Stands for OPA: makes the socket path appear, says what it is told to, and lives until it is asked to stop.
CHILD = """
import pathlib, signal, sys
sys.stdout.write(sys.argv[2]); sys.stdout.flush()
pathlib.Path(sys.argv[1]).touch()
signal.sigwait({signal.SIGTERM})
"""
STUBBORN = CHILD.replace("signal.sigwait({signal.SIGTERM})", "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}); signal.pause()")
DYING = "import sys; print('no such flag: --colour'); sys.exit(2)"


class Watch:
    """What the supervisor is told of the child's health, and what it logged."""

    def __init__(self) -> None:
        self.answers = True
        self.lines: list[str] = []
        self.gave_up_twice = asyncio.Event()

    def log(self, line: str) -> None:
        self.lines.append(line)
        if sum("could not be started" in line for line in self.lines) == 2:
            self.gave_up_twice.set()

    async def healthy_now(self) -> bool:
        return self.answers


def supervisor(watch: Watch, folder: Path, *, program: str = CHILD, say: str = "", pacing: Pacing = PACING) -> Supervisor:
    socket = folder / "socket"
    command = (sys.executable, "-I", "-c", program, str(socket), say)
    return Supervisor(command=command, socket=socket, environment={"GOGC": "400"}, healthy_now=watch.healthy_now, log=watch.log, pacing=pacing)


@asynccontextmanager
async def started(child: Supervisor) -> AsyncIterator[int]:
    await child.start()
    pid = child.pid
    assert pid is not None
    try:
        yield pid
    finally:
        await child.close()


def gone(pid: int, *, seconds: float = 10) -> bool:
    """True when the process has ended, or does within the time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


async def test_a_started_child_is_healthy_and_a_closed_one_is_gone(tmp_path: Path) -> None:
    """From start to close, and nothing left: no process, no socket."""
    child = supervisor(Watch(), tmp_path)

    async with started(child) as pid:
        healthy = child.healthy

    assert healthy
    assert not child.healthy
    assert gone(pid)
    assert not (tmp_path / "socket").exists()


async def test_a_child_that_dies_at_once_fails_the_start_with_what_it_said(tmp_path: Path) -> None:
    """The reason reaches whoever started it."""
    child = supervisor(Watch(), tmp_path, program=DYING)

    with pytest.raises(ChildFailed, match=r"ended with 2 .*no such flag: --colour"):
        await child.start()

    assert child.pid is None


async def test_a_child_that_never_answers_fails_the_start(tmp_path: Path) -> None:
    """Patience ends, and the child with it."""
    watch = Watch()
    watch.answers = False
    child = supervisor(watch, tmp_path, pacing=Pacing(start_s_max=0.2, start_poll_s=0.01))

    with pytest.raises(ChildFailed, match="not healthy after"):
        await child.start()

    assert child.pid is None


async def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    """Down is noticed, and up again is another process."""
    child = supervisor(Watch(), tmp_path)

    async with started(child) as first, asyncio.timeout(10):
        os.kill(first, signal.SIGKILL)
        await child.until(healthy=False)
        await child.until(healthy=True)
        second = child.pid

    assert second not in {None, first}


async def test_a_child_that_stops_answering_is_replaced(tmp_path: Path) -> None:
    """Alive is not healthy: several unanswered health calls end it."""
    watch = Watch()
    child = supervisor(watch, tmp_path)

    async with started(child) as first, asyncio.timeout(10):
        watch.answers = False
        await child.until(healthy=False)
        watch.answers = True
        await child.until(healthy=True)
        second = child.pid

    assert second not in {None, first}
    assert gone(first)


async def test_a_child_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    """Grace has an end."""
    child = supervisor(Watch(), tmp_path, program=STUBBORN, pacing=Pacing(start_poll_s=0.005, grace_s=0.1))

    async with started(child) as pid:
        pass

    assert gone(pid)


async def test_it_keeps_trying_when_the_child_cannot_come_back(tmp_path: Path) -> None:
    """A failed restart is logged and followed by another, until one holds."""
    watch = Watch()
    child = supervisor(watch, tmp_path, pacing=Pacing(start_s_max=2, start_poll_s=0.01, restart_s_min=0.01, restart_s_max=0.02))

    async with started(child) as first, asyncio.timeout(20):
        watch.answers = False
        os.kill(first, signal.SIGKILL)
        await child.until(healthy=False)
        await watch.gave_up_twice.wait()
        watch.answers = True
        await child.until(healthy=True)

    assert child.pid is None


async def test_what_the_child_prints_is_kept_in_bounded_lines(tmp_path: Path) -> None:
    """A flood without an end of line is cut into pieces."""
    watch = Watch()
    child = supervisor(watch, tmp_path, say="one\ntwo\n" + "x" * 3 * LINE_BYTES_MAX)

    async with started(child):
        pass

    assert watch.lines[:2] == ["one", "two"]
    assert len(watch.lines) > 2
    assert max(map(len, watch.lines)) <= LINE_BYTES_MAX


async def test_a_terminals_signals_do_not_reach_the_child(tmp_path: Path) -> None:
    """It leads a session of its own: Ctrl-C is for the gateway, which drains first."""
    child = supervisor(Watch(), tmp_path)

    async with started(child) as pid:
        session = os.getsid(pid)

    assert session == pid


async def test_the_child_gets_no_environment_but_its_own(tmp_path: Path) -> None:
    """Secrets of the gateway's environment do not travel."""
    watch = Watch()
    program = CHILD.replace("sys.stdout.write(sys.argv[2])", "import os; print(sorted(name for name in os.environ if name != 'LC_CTYPE'))")
    child = supervisor(watch, tmp_path, program=program)

    async with started(child):
        pass

    assert watch.lines == ["['GOGC']"]


PARENT = """
import asyncio, os, pathlib, sys
from gateway.adapters.opa.supervisor import Pacing, Supervisor
async def yes(): return True
async def main(socket, program):
    command = (sys.executable, "-I", "-c", program, str(socket), "")
    child = Supervisor(command=command, socket=socket, environment={}, healthy_now=yes, log=print, pacing=Pacing())
    await child.start()
    print(child.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main(pathlib.Path(sys.argv[1]), sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
async def test_a_killed_gateway_leaves_no_orphan(tmp_path: Path) -> None:
    """SIGKILL of the parent is the end of the child."""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, str(tmp_path / "socket"), CHILD, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    async with asyncio.timeout(20):
        child_pid = int(await parent.stdout.readline())
    alive_before = not gone(child_pid, seconds=0)

    parent.kill()
    await parent.wait()

    assert alive_before
    assert gone(child_pid)


async def test_a_child_whose_gateway_is_already_gone_is_not_started() -> None:
    """The launcher sees that its parent is not who it should be."""
    launched = await asyncio.create_subprocess_exec(sys.executable, "-I", str(LAUNCHER), str(os.getppid()), "/bin/true", stderr=asyncio.subprocess.PIPE)

    _, said = await launched.communicate()

    assert (launched.returncode, said) == (1, b"the gateway is gone\n")
