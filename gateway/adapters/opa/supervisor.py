"""One OPA child: started, watched, started again with growing patience, and stopped. It never outlives the gateway.

1. The child is started through `launcher.py` from the loop's own thread: the kernel ties its life to that thread.
2. Healthy means its health call answered since it was last started; an exit or several unanswered calls end that at once.
3. Backoff doubles from `restart_s_min` to `restart_s_max`, and starts over when a child has been healthy for `restart_s_max`.
4. It gets no environment but Go's tuning, no standard input, and a session of its own, so that a terminal's signals reach the gateway only.
5. What it prints is kept as a bounded tail of bounded lines, and handed to `log`; it runs at log level error and prints no inputs.
"""

import asyncio
import contextlib
import os
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LINES_KEPT: Final = 50
LINE_BYTES_MAX: Final = 2_000
_LAUNCHER: Final = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    start_s_max: float = 20.0
    start_poll_s: float = 0.02
    health_every_s: float = 1.0
    health_s_max: float = 1.0
    strikes_max: int = 3  # unanswered health calls in a row before the child is replaced
    restart_s_min: float = 0.1
    restart_s_max: float = 5.0
    grace_s: float = 5.0  # between asking the child to stop and killing it


PACING: Final = Pacing()


class ChildFailed(Exception):
    """The child did not become healthy; the message has the end of what it printed."""


class Supervisor:
    """`healthy_now` asks the child's health call and answers False rather than raise."""

    def __init__(
        self,
        *,
        command: tuple[str, ...],
        socket: Path,
        environment: Mapping[str, str],
        healthy_now: Callable[[], Awaitable[bool]],
        log: Callable[[str], None],
        pacing: Pacing,
    ) -> None:
        self._command = command
        self._socket = socket
        self._environment = dict(environment)
        self._healthy_now = healthy_now
        self._log = log
        self._pacing = pacing
        self._process: asyncio.subprocess.Process | None = None
        self._tail: deque[str] = deque(maxlen=LINES_KEPT)
        self._reading: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._down.set()

    @property
    def healthy(self) -> bool:
        return self._up.is_set()

    @property
    def pid(self) -> int | None:
        """Of the living child, None while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Return when the child is healthy. Raises `ChildFailed`, with no child left behind."""
        try:
            await self._spawn()
        except BaseException:
            await self.close()
            raise
        self._watching = asyncio.create_task(self._watch())

    async def until(self, *, healthy: bool) -> None:
        """Wait for the state; the caller bounds the time."""
        await (self._up if healthy else self._down).wait()

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None
        await self._stop()

    async def _spawn(self) -> None:
        self._socket.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._reading = asyncio.create_task(self._read(self._process.stdout))
        try:
            async with asyncio.timeout(self._pacing.start_s_max):
                while not (self._socket.exists() and await self._answers()):
                    if self._process.returncode is not None:
                        await self._reading
                        raise ChildFailed(f"OPA ended with {self._process.returncode} before it was healthy: {self._said()}")
                    await asyncio.sleep(self._pacing.start_poll_s)
        except TimeoutError:
            raise ChildFailed(f"OPA was not healthy after {self._pacing.start_s_max} s: {self._said()}") from None
        self._set(healthy=True)

    async def _watch(self) -> None:
        patience_s = self._pacing.restart_s_min
        loop = asyncio.get_running_loop()
        while True:
            since_s = loop.time()
            if self.healthy:
                await self._until_failed()
                self._set(healthy=False)
                self._log(f"the policy engine failed and is started again: {self._said()}")
            await self._stop()
            if loop.time() - since_s >= self._pacing.restart_s_max:
                patience_s = self._pacing.restart_s_min
            await asyncio.sleep(patience_s)
            patience_s = min(2 * patience_s, self._pacing.restart_s_max)
            try:
                await self._spawn()
            except (ChildFailed, OSError) as wrong:
                self._log(f"the policy engine could not be started: {wrong}")

    async def _until_failed(self) -> None:
        """Returns when the child has ended, or has not answered its health call several times in a row."""
        assert self._process is not None
        ended = asyncio.ensure_future(self._process.wait())
        strikes = 0
        try:
            while strikes < self._pacing.strikes_max:
                done, _ = await asyncio.wait({ended}, timeout=self._pacing.health_every_s)
                if done:
                    return
                strikes = 0 if await self._answers() else strikes + 1
        finally:
            ended.cancel()

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(self._pacing.health_s_max):
                return await self._healthy_now()
        except TimeoutError:
            return False

    async def _stop(self) -> None:
        """Ask the child to stop, kill it when it does not, and read what it still had to say."""
        self._set(healthy=False)
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(self._pacing.grace_s):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=self._pacing.grace_s)
            self._reading.cancel()
        self._socket.unlink(missing_ok=True)

    async def _read(self, printed: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await printed.read(4096):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._say(line)
            if len(rest) > LINE_BYTES_MAX:
                self._say(rest)
                rest = b""
        if rest:
            self._say(rest)

    def _say(self, line: bytes) -> None:
        text = line[:LINE_BYTES_MAX].decode(errors="replace").rstrip()
        self._tail.append(text)
        self._log(text)

    def _said(self) -> str:
        return " | ".join(list(self._tail)[-5:]) or "it printed nothing"

    def _set(self, *, healthy: bool) -> None:
        for event, wanted in ((self._up, healthy), (self._down, not healthy)):
            if wanted:
                event.set()
            else:
                event.clear()
