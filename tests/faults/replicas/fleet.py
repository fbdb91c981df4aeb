"""Several real gateway processes on one real PostgreSQL, a real host process, and callers of each, for suites that break one of them.

1. Everything callers were told is kept; what the host saw is asked of the host; `check` holds both against the store.
2. `lined`: between each gateway and its callers, its host and its store there is a line in the suite's hands.
3. All of it lives in one folder and one server's, and ends with the `with` block.
"""

import asyncio
import json
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from gateway.domain.lifecycle import State
from gateway.domain.targets import HostMode
from tests.fakes.postgres import Server, programs
from tests.faults.host import READY
from tests.faults.replicas.gateway import PAUSE_S, ROOT, STARTS_S_MAX, Around, FleetBroken, Gateway, lives, settings
from tests.faults.replicas.lines import Line, Lines
from tests.faults.replicas.stored import Looking, read_postgres
from tests.faults.replicas.wire import PostgresLine
from tests.prove.ledger_check import Case, Delivery, Stored, Told, broken

MODES: Final = {"bank": HostMode.QUERY, "post": HostMode.NONE, "desk": HostMode.DEDUPE}
SETTLES_S_MAX: Final = 60.0
COMES_S_MAX: Final = 20.0
_LOOKS_AGAIN_S: Final = 0.003  # shorter than a commit takes: no answer is waited for longer than it took
LATE_MS_MAX: Final = 5_000  # beyond its lease, what a gateway left has been found
_OPEN: Final = f"SELECT count(*) FROM countersign.commits WHERE state = '{State.FORWARDING}' OR (state = '{State.UNKNOWN}' AND target <> 'post')"  # noqa: S608 - ours
_STATE: Final = "SELECT state FROM countersign.commits WHERE key = $1 ORDER BY place DESC LIMIT 1"
SETTINGS: Final = ("deadlock_timeout=50ms", "max_connections=200")


class NotCome(Exception):
    """What a case waited for."""


class Fleet:
    def __init__(self, folder: Path, *, size: int, lined: bool = False, read_timeout_ms: int = 1_500, looks_every_ms: int = 100) -> None:
        self.told: list[Told] = []
        self.gateways: list[Gateway] = []
        self._folder = folder
        self._size = size
        self._lined = lined
        self._read_timeout_ms = read_timeout_ms
        self._looks_every_ms = looks_every_ms
        self._trusts: ssl.SSLContext | None = None  # whom a host over TLS is certified by
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._host = self._host_child(stack)
            self._nursery = self._child(stack, "tests.faults.nursery")
            self.server = self._server()
            stack.callback(self.server.end)
            self.server.start()
            self.access = asyncio.run(self.server.database())
            self._looking = Looking(lambda: self.server.administer(self.access.database))
            stack.callback(self._looking.close)
            self._host_url = self._says(self._host, READY)
            self._says(self._nursery, "ready")
            lines = stack.enter_context(Lines())
            for number in range(self._size):
                self.gateways.append(self._declared(number, lines))
                stack.callback(self.gateways[-1].hang_up)
            for gateway in self.gateways:
                gateway.begin()
            for gateway in self.gateways:
                gateway.up()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for gateway in self.gateways:
            if lives(gateway.pid):
                gateway.thaw()
        self._stack.close()

    def ask(self, command: str) -> str:
        """Of the nursery."""
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(command + "\n")
        self._nursery.stdin.flush()
        return self._nursery.stdout.readline().strip()

    def crash_server(self) -> None:
        """The postmaster is killed, and started again once everything of it has gone."""
        self.server.kill()
        until_s = time.monotonic() + STARTS_S_MAX
        while True:
            self.server.start()
            try:
                asyncio.run(self.server.ready())
            except AssertionError as why:  # what is left of the last one still has its memory
                if time.monotonic() > until_s:
                    raise FleetBroken(f"the server did not come back: {why}") from why
                time.sleep(PAUSE_S)
            else:
                return

    def administer(self, *statements: str) -> None:
        """As the superuser, in the store's database."""

        async def done() -> None:
            connection = await self.server.administer(self.access.database)
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(done())

    def value(self, query: str, *arguments: object) -> Any:
        """The first value of what the superuser reads in the store's database."""
        return self._looking.first(query, *arguments)

    def stored(self) -> Stored:
        return read_postgres(self.access)

    def state_of(self, key: str) -> State | None:
        state = self.value(_STATE, key.encode())
        return None if state is None else State(state)

    def deliveries(self) -> list[Delivery]:
        return [Delivery(key=one["key"], at_ms=one["at_ms"], applied=one["applied"]) for one in self.host("/record")]

    def host(self, path: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self._host_url}{path}", timeout=10, context=self._trusts) as answer:  # noqa: S310 - our own host
            answered: list[dict[str, Any]] = json.load(answer)
        return answered

    def check(self, *, settled: bool = False) -> list[str]:
        """Everything that does not hold now."""
        stored = self.stored()
        now_ms = time.time_ns() // 1_000_000
        late = [row for row in stored.books.commits if row.state is State.FORWARDING and now_ms > row.lease_until_ms + LATE_MS_MAX]
        case = Case(
            stored=stored, deliveries=self.deliveries(), told=[*self.told], modes=MODES, settled=settled, by_lease=True,
            cooperative=frozenset({"bank", "desk"}),
        )  # fmt: skip
        return [*broken(case), *(f"I8: {row.commit_id} is still FORWARDING, {now_ms - row.lease_until_ms} ms after its lease" for row in late)]

    def check_settled(self) -> list[str]:
        """Waits until reconciling has ended every unknown that can be ended, and checks; what is still open then is broken."""
        until_s = time.monotonic() + SETTLES_S_MAX
        while self.value(_OPEN) and time.monotonic() < until_s:
            time.sleep(20 * PAUSE_S)
        return self.check(settled=True)

    def _server(self) -> Server:
        """Made, not started."""
        return Server(programs(), settings=SETTINGS)

    def _declared(self, number: int, lines: Lines) -> Gateway:
        folder = self._folder / f"g{number}"
        folder.mkdir()
        (folder / "opa").mkdir(mode=0o700)
        gateway = Gateway(number, folder, ask=self.ask, told=self.told)
        around = self._lines(gateway, folder, lines) if self._lined else self._around(gateway, folder)
        gateway.declare(settings(gateway, around, read_timeout_ms=self._read_timeout_ms, looks_every_ms=self._looks_every_ms))
        return gateway

    def _around(self, gateway: Gateway, folder: Path) -> Around:
        """Who a gateway deals with, and where. `folder` is its own."""
        del folder
        return self._on_loopback(gateway, host_url=self._host_url, store_at=self.server.folder)

    def _lines(self, gateway: Gateway, folder: Path, lines: Lines) -> Around:
        gateway.called_at, store_at = folder / "callers", folder / "pg"
        store_at.mkdir()
        gateway.to_callers = Line(lines, to=gateway.socket)
        gateway.to_host = Line(lines, to=int(self._host_url.rpartition(":")[2]))
        gateway.to_store = PostgresLine(lines, to=self.server.folder / ".s.PGSQL.5432")
        lines.on_socket(gateway.called_at, gateway.to_callers)
        lines.on_socket(store_at / ".s.PGSQL.5432", gateway.to_store)
        return self._on_loopback(gateway, host_url=f"http://127.0.0.1:{lines.on_port(gateway.to_host)}", store_at=store_at)

    def _on_loopback(self, gateway: Gateway, *, host_url: str, store_at: Path) -> Around:
        return Around(
            callers={"address": f"unix:{gateway.socket}"}, host={"base_url": host_url, "networks": ["127.0.0.1/32"]},
            store={"host": str(store_at), "database": self.access.database},
        )  # fmt: skip

    def _host_child(self, stack: ExitStack) -> subprocess.Popen[str]:
        return self._child(stack, "tests.faults.host")

    def _child(self, stack: ExitStack, module: str, *arguments: str) -> subprocess.Popen[str]:
        child = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert child.stdin is not None
        assert child.stdout is not None
        for end in (child.stdout.close, lambda: child.wait(STARTS_S_MAX), child.stdin.close):
            stack.callback(end)
        return child

    def _says(self, child: subprocess.Popen[str], beginning: str) -> str:
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line.startswith(beginning):
            raise FleetBroken(f"a child of the fleet said {line!r} where {beginning!r} was expected")
        return line.removeprefix(beginning).strip()


def comes(holds: Callable[[], bool], what: str, *, within_s: float = COMES_S_MAX) -> None:
    until_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until_s:
            raise NotCome(f"{what} did not come within {within_s} s")
        time.sleep(_LOOKS_AGAIN_S)
