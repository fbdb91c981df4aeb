"""`PolicyEngine` by OPA: one supervised child for each activation, on a socket only this process can reach.

1. A child is started, warmed and only then told of; moving `enforce` is a pointer, so a swap never leaves a question without an engine.
2. A question goes to the engine of its own activation number, and to no other: no verdict is of a mixture.
3. Everything lives in one private folder (0700) that is made at `open` and removed at `close`; what a killed gateway left behind is
   known by its free lock and removed by the next.
4. The child runs the snapshot that was checked, with its API closed but for the two wrapped questions and health, and prints no inputs.
"""

import asyncio
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.adapters.opa import schemas
from gateway.adapters.opa.answers import ANSWER_BYTES_MAX, encode, fresh_id
from gateway.adapters.opa.check import PreparedPolicies
from gateway.adapters.opa.client import OpaClient
from gateway.adapters.opa.own_bundle import lay_own
from gateway.adapters.opa.serving import Serving
from gateway.adapters.opa.snapshot import ROOT, lay
from gateway.adapters.opa.supervisor import PACING, ChildFailed, Pacing, Supervisor
from gateway.domain.faults import PolicyFault
from gateway.ports.policy import Entrypoint, PolicyAnswer, Question

_SOCKET_PATH_BYTES_MAX: Final = 100  # the kernel takes 107
_WARM_S_MAX: Final = 10.0
_PREFIX: Final = "opa-"
_LOCK: Final = "lock"
_UNNAMED: Final = ".lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineTerms:
    """`binary` is an OPA `install.find` accepted; `runtime_folder` exists and is ours; `cpus` 0 leaves the choice to Go."""

    binary: Path
    runtime_folder: Path
    cpus: int = 0
    gogc: int = 400  # measured: a quarter less CPU for each verdict, for some tens of MB
    pacing: Pacing = PACING


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """One activation's child and what speaks with it."""

    supervisor: Supervisor
    client: OpaClient
    serving: Serving
    home: Path

    async def end(self) -> None:
        await self.supervisor.close()
        await self.client.close_connection()
        shutil.rmtree(self.home, ignore_errors=True)


class OpaEngine:
    """Use from one loop, on the thread that will live longest: the children die with it."""

    def __init__(self, terms: EngineTerms, *, log: Callable[[str], None]) -> None:
        self._terms = terms
        self._log = log
        self._folder: Path | None = None
        self._lock = -1
        self._served: dict[int, _Served] = {}
        self._enforced: int | None = None

    async def open(self) -> None:
        """Make the private folder. Raises `OSError`, or `PolicyFault` where others could exchange it, or the path is too long for a socket."""
        _refuse_open(self._terms.runtime_folder)
        _sweep(self._terms.runtime_folder)
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._terms.runtime_folder))
        self._lock = _lock(self._folder)
        if len(os.fsencode(self._folder)) > _SOCKET_PATH_BYTES_MAX - 16:
            await self.close()
            raise PolicyFault(f"{self._terms.runtime_folder} is too long a path for a unix socket; name a shorter runtime folder")

    async def start(self, number: int, prepared: PreparedPolicies) -> None:
        """Serve the policies under an activation number. Raises `PolicyFault` with what the child printed; nothing is left behind."""
        assert self._folder is not None, "started before it was opened"
        assert number not in self._served, f"activation {number} is served already"
        home = self._folder / str(number)
        lay(prepared.files, home / "authors", roots=(ROOT,), revision=prepared.revision)
        lay_own(home / "own")
        served = self._serve(number, home)
        try:
            await served.client.open()
            await served.supervisor.start()
            await _warm(served.client)
        except BaseException as wrong:
            await served.end()
            if isinstance(wrong, ChildFailed | OSError | TimeoutError):
                raise PolicyFault(f"activation {number}: {wrong}") from wrong
            raise
        self._served[number] = served

    def enforce(self, number: int) -> None:
        """Readiness is this activation's from now on."""
        assert number in self._served, f"activation {number} is not served"
        self._enforced = number

    async def retire(self, number: int) -> None:
        """Answer what is under way for this activation, then stop its child. Questions that still come get a `PolicyFault`."""
        served = self._served.pop(number, None)
        if served is not None:
            await served.serving.drain()
            await served.end()

    async def close(self) -> None:
        """Drain and stop every child, and remove the private folder."""
        for number in tuple(self._served):
            await self.retire(number)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    async def ask(self, question: Question) -> PolicyAnswer:
        """Raises `PolicyFault`."""
        served = self._served.get(question.activation_number)
        if served is None:
            raise PolicyFault(f"no policy engine serves activation {question.activation_number}")
        return await served.serving.ask(question)

    def ready(self) -> bool:
        served = None if self._enforced is None else self._served.get(self._enforced)
        return served is not None and served.supervisor.healthy

    def child_pid(self, number: int) -> int | None:
        """The process id of an activation's child, for diagnosis; None while it has none."""
        served = self._served.get(number)
        return served.supervisor.pid if served else None

    async def until(self, number: int, *, healthy: bool) -> None:
        """Wait until an activation's child is healthy, or is not."""
        await self._served[number].supervisor.until(healthy=healthy)

    def _serve(self, number: int, home: Path) -> _Served:
        assert self._folder is not None
        socket = self._folder / f"{number}.sock"
        client = OpaClient(socket)
        supervisor = Supervisor(
            command=_command(self._terms.binary, socket=socket, home=home),
            socket=socket,
            environment={"GOGC": str(self._terms.gogc)} | ({"GOMAXPROCS": str(self._terms.cpus)} if self._terms.cpus else {}),
            healthy_now=client.check_health,
            log=self._log,
            pacing=self._terms.pacing,
        )
        serving = Serving(client=client, healthy=lambda: supervisor.healthy)
        return _Served(supervisor=supervisor, client=client, serving=serving, home=home)


async def _warm(client: OpaClient) -> None:
    """Ask both entrypoints an empty question, so that the first real one finds everything compiled."""
    for entrypoint in Entrypoint:
        body = encode({fresh_id(): schemas.blank_json(entrypoint)})
        async with asyncio.timeout(_WARM_S_MAX):
            reply = await client.post(entrypoint, body, traceparent="", answer_bytes_max=ANSWER_BYTES_MAX)
        if reply.status not in {200, 500}:
            raise PolicyFault(f"the policy engine does not serve {entrypoint}: status {reply.status}")


def _command(binary: Path, *, socket: Path, home: Path) -> tuple[str, ...]:
    return (
        str(binary), "run", "--server",
        "--addr", f"unix://{socket}",
        "--authorization", "basic",
        "--skip-verify",  # the gateway has verified; OPA could not tell our two bundles' keys apart
        "--skip-version-check",
        "--log-level", "error",
        "--bundle", str(home / "authors"),
        "--bundle", str(home / "own"),
    )  # fmt: skip


def _refuse_open(runtime_folder: Path) -> None:
    """Whoever may rename what is in it could put an engine of their own in the place of ours. Raises `PolicyFault`."""
    mode = runtime_folder.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        others = f"{runtime_folder} has mode {stat.S_IMODE(mode):04o}: others could put a policy engine of theirs in the place of ours"
        raise PolicyFault(f"{others}; run `chmod 0700 {runtime_folder}`, or name another runtime folder")


def _lock(folder: Path) -> int:
    """It is locked before it has the name that a sweep goes by."""
    made = os.open(folder / _UNNAMED, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(made, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (folder / _UNNAMED).rename(folder / _LOCK)
    return made


def _sweep(runtime_folder: Path) -> None:
    """Remove the folders of gateways that are gone: nobody holds their lock."""
    for left in runtime_folder.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            lock = os.open(left, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:  # another gateway has just swept it
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left.parent, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
