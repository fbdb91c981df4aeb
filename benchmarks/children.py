"""The processes of a benchmark: started, waited for, ended, whatever happens in between.

1. A child of ours ends when its standard input does, so that none outlives a benchmark that was killed; the gateway is asked by SIGTERM.
2. A child that ends early ends the benchmark, with the last lines it wrote.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.terms import ROOT

_START_S_MAX: Final = 60.0
_STOP_S_MAX: Final = 30.0
_LINES_SHOWN: Final = 15


class ChildFailed(Exception):
    """A process did not start, or ended before its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    name: str
    process: asyncio.subprocess.Process
    log: Path  # its standard error; of the gateway, all it writes

    @property
    def pid(self) -> int:
        return self.process.pid

    def told(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LINES_SHOWN:])

    async def says(self, beginning: str) -> str:
        """The rest of its first line, which has to begin so. Raises `ChildFailed`."""
        assert self.process.stdout is not None, "its standard output is ours"
        try:
            line = (await asyncio.wait_for(self.process.stdout.readline(), _START_S_MAX)).decode().rstrip("\n")
        except TimeoutError:
            line = ""
        if not line.startswith(beginning):
            raise ChildFailed(f"the {self.name} did not start:\n{line}\n{self.told()}")
        return line.removeprefix(beginning)

    async def until(self, ready: Awaitable[None]) -> None:
        """Returns when `ready` does. Raises `ChildFailed` when the process ends first, or too much time has passed."""
        answering, ended = asyncio.ensure_future(ready), asyncio.ensure_future(self.process.wait())
        try:
            await asyncio.wait({answering, ended}, timeout=_START_S_MAX, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                how = f"ended with {self.process.returncode}" if ended.done() else f"was not ready within {_START_S_MAX} s"
                raise ChildFailed(f"the {self.name} {how}:\n{self.told()}")
            await answering
        finally:
            answering.cancel()
            ended.cancel()


@asynccontextmanager
async def module(name: str, *arguments: str, folder: Path) -> AsyncIterator[Child]:
    """One module of ours, `python -m benchmarks.<name>`, until the block ends."""
    log = folder / f"{name}.log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"benchmarks.{name}", *arguments), cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=stderr
        )
    try:
        yield Child(name=name, process=process, log=log)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await _ended(process)


@asynccontextmanager
async def gateway(settings: Path, *, folder: Path) -> AsyncIterator[Child]:
    """`countersign serve` of this environment, until the block ends or `stop` has ended it."""
    log = folder / "gateway.log"
    command = Path(sys.executable).with_name("countersign")
    if not command.exists():
        raise ChildFailed(f"there is no {command.name} beside this Python; `make env` puts it there")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(str(command), "serve", "--settings", str(settings)), cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
        )
    child = Child(name="gateway", process=process, log=log)
    try:
        yield child
    finally:
        await stop(child)


async def stop(child: Child) -> int:
    """Asks it to end, and answers its exit code."""
    if child.process.returncode is None:
        child.process.terminate()
    return await _ended(child.process)


async def _ended(process: asyncio.subprocess.Process) -> int:
    try:
        return await asyncio.wait_for(process.wait(), _STOP_S_MAX)
    except TimeoutError:
        process.kill()
        return await process.wait()
