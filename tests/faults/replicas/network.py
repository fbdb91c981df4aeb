"""Machines of a suite: network namespaces joined by a router, which parts them again by dropping what one sends another.

1. Dropped is dropped: no reset, no end of file, no refusal. The kernels of both sides send again, as long as they like. One way, or both.
2. Turned away: whoever sends is told at once that there is no way (ICMP), and every connection between the two has ended.
3. A namespace has no name: it is a handle of this process, and is gone with it and with what runs inside, however they end.
4. A thread that is `inside` a machine opens its sockets and begins its children there. Addresses mean something in these namespaces alone.
"""

import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

_CLONE_NEWNET: Final = 0x40000000
_OWN: Final = "/proc/thread-self/ns/net"
_ROUTER: Final = "router"
_MACHINES_MAX: Final = 8  # whose addresses tests/fakes/tls/machines.pem names
_TOOL_S_MAX: Final = 10.0
_ARRIVES_S_MAX: Final = 2.0
_LOST_AFTER_S: Final = 0.05  # from one namespace to another it takes microseconds
_ROUTES: Final = {
    "ip_forward": "1",
    "conf/all/rp_filter": "0", "conf/default/rp_filter": "0",  # that there is no way back is no reason to drop
    "icmp_ratelimit": "0",  # everybody who is turned away is told so
}  # fmt: skip


class NoNetwork(Exception):
    """This machine lets nobody make networks, or part them: what is missing."""


class Way(NamedTuple):
    """What one machine sends another."""

    source: str
    target: str


class Network:
    """`with Network("host", "store") as network:` They reach each other through the router, and nobody else."""

    def __init__(self, *machines: str) -> None:
        assert len(machines) <= _MACHINES_MAX, "each has a certificate"
        self._numbers = {name: number for number, name in enumerate(machines, start=1)}
        self._handles: dict[str, int] = {}
        self._rules: list[str] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        _can_be_made()
        with ExitStack() as stack:
            for name in (_ROUTER, *self._numbers):
                self._handles[name] = _fresh()
                stack.callback(os.close, self._handles[name])
            self._join()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def address(self, machine: str) -> str:
        return f"10.213.{self._numbers[machine]}.2"

    def handle(self, machine: str) -> Path:
        """For `enter`, in any process of this machine."""
        return Path(f"/proc/{os.getpid()}/fd/{self._handles[machine]}")

    @contextmanager
    def inside(self, machine: str) -> Iterator[None]:
        """This thread, and what it opens and begins meanwhile."""
        before = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(self._handles[machine])
            yield
        finally:
            _enter(before)
            os.close(before)

    def drop(self, *ways: Way) -> None:
        """What is sent these ways is gone from now on, without a word; the other way it arrives. Returns once both have been seen."""
        self._rule(ways, "blackhole")
        for way in {*ways, *map(_back, ways)}:
            if self._passes(way, within_s=_LOST_AFTER_S if way in ways else _ARRIVES_S_MAX) is (way in ways):
                raise NoNetwork(f"the router was told to drop {ways}, and what {way.source} sends {way.target} {'arrives' if way in ways else 'is lost'}")

    def turn_away(self, one: str, other: str) -> None:
        """Neither finds a way to the other, and every connection between them ends."""
        ways = (Way(one, other), Way(other, one))
        self._rule(ways, "unreachable")
        for way in ways:
            with self.inside(way.source):
                _run("ss", "--kill", "-Htn", "dst", self.address(way.target))
                left = _run("ss", "-Htn", "state", "established", "dst", self.address(way.target))
            if left.strip():
                raise NoNetwork(f"`ss --kill` ends no connection here (a kernel without CONFIG_INET_DIAG_DESTROY): {left}")

    def heal(self) -> None:
        """Everything passes again: what was lost arrives when its sender tries once more."""
        for rule in self._rules:
            self._ip(_ROUTER, [f"rule del {rule}"])
        self._rules.clear()

    def _rule(self, ways: Iterable[Way], answer: str) -> None:
        rules = [f"from {self.address(way.source)} to {self.address(way.target)} {answer}" for way in ways]
        self._rules += rules
        self._ip(_ROUTER, [f"rule add {rule}" for rule in rules])

    def _passes(self, way: Way, *, within_s: float) -> bool:
        with ExitStack() as stack:
            with self.inside(way.target):
                hears = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                hears.bind((self.address(way.target), 0))
            with self.inside(way.source):
                says = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                says.sendto(b"heard", hears.getsockname())
            hears.settimeout(within_s)
            try:
                return bool(hears.recv(16))
            except TimeoutError:
                return False

    def _join(self) -> None:
        with self.inside(_ROUTER):
            for name, value in _ROUTES.items():
                Path("/proc/sys/net/ipv4", name).write_text(value)
        for name, number in self._numbers.items():
            router = f"10.213.{number}.1"
            self._ip(
                _ROUTER,
                [f"link add to{number} type veth peer name wire netns {self.handle(name)}", f"addr add {router}/30 dev to{number}", f"link set to{number} up"],
            )  # fmt: skip
            self._ip(name, ["link set lo up", f"addr add {self.address(name)}/30 dev wire", "link set wire up", f"route add default via {router}"])

    def _ip(self, machine: str, commands: Iterable[str]) -> None:
        with self.inside(machine):
            _run("ip", "-batch", "-", said="\n".join(commands))


def enter(handle: Path) -> None:
    """This thread goes there, for good; a process with one thread, as a whole."""
    opened = os.open(handle, os.O_RDONLY | os.O_CLOEXEC)
    _enter(opened)
    os.close(opened)


def _back(way: Way) -> Way:
    return Way(way.target, way.source)


def _can_be_made() -> None:
    missing = [tool for tool in ("ip", "ss") if shutil.which(tool) is None]
    if missing:
        raise NoNetwork(f"networks are made with iproute2, of which this machine has no {' and no '.join(missing)}: install it")
    if os.geteuid() != 0:
        raise NoNetwork("only root makes networks (network namespaces, veth): run this suite as root")


def _fresh() -> int:
    """A handle of a new namespace."""
    before = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("unshare", _CLONE_NEWNET)
        made = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        _enter(before)
    finally:
        os.close(before)
    return made


def _enter(handle: int) -> None:
    _call("setns", handle, _CLONE_NEWNET)


def _call(name: str, *arguments: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        number = ctypes.get_errno()
        raise NoNetwork(f"the kernel does not let this process make networks ({name}: {os.strerror(number)}): CAP_SYS_ADMIN is needed")


def _run(*command: str, said: str = "") -> str:
    done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=_TOOL_S_MAX, check=False)
    if done.returncode:
        raise NoNetwork(f"`{' '.join(command)}` of {said!r}: {done.stderr.strip()}")
    return done.stdout
