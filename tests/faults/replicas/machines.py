"""A fleet on machines of its own: each gateway, the host, the server and the callers in a network namespace, and nothing but TLS between them.

1. The suite's process is the callers' machine: whatever it opens from the beginning to the end of the `with` block is opened there.
2. Each says who it is as over any network: server, host and gateways by a certificate of their address, callers by one of their own.
3. `network` parts them. The suite reads the store, and operates the gateways, over sockets in folders, which no network carries.
"""

import shutil
import ssl
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from types import TracebackType
from typing import Final, Self

import grpc

from countersign import Client
from countersign.channel import OPTIONS, Line
from countersign.patience import SystemClock
from tests.fakes.postgres import Server, programs
from tests.faults.replicas.fleet import SETTINGS, Fleet
from tests.faults.replicas.gateway import Around, Gateway
from tests.faults.replicas.network import Network

HOST: Final = "host"
STORE: Final = "store"
CALLERS: Final = "callers"
_TLS: Final = Path(__file__).resolve().parents[2] / "fakes" / "tls"
_MACHINE: Final = _TLS / "machines.pem"
_MACHINES: Final = _TLS / "machines-authority.pem"
_CALLER: Final = _TLS / "caller.pem"
_CALLERS: Final = _TLS / "callers.pem"
_PORT: Final = 7443
_CALL_S_MAX: Final = 30.0


def machine_of(gateway: Gateway) -> str:
    return f"gateway-{gateway.number}"


class Machines(Fleet):
    """As `Fleet`, without lines."""

    def __init__(self, folder: Path, *, size: int, read_timeout_ms: int) -> None:
        super().__init__(folder, size=size, read_timeout_ms=read_timeout_ms)
        self.network = Network(HOST, STORE, CALLERS, *(f"gateway-{number}" for number in range(size)))
        self._trusts = ssl.create_default_context(cafile=str(_MACHINES))
        self._around_it = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.network)
            stack.enter_context(self.network.inside(CALLERS))
            super().__enter__()
            self._around_it = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._around_it:
            super().__exit__(kind, error, trace)

    def _server(self) -> Server:
        return _ServerOnMachine(self.network)

    def _host_child(self, stack: ExitStack) -> Popen[str]:
        with self.network.inside(HOST):
            return self._child(stack, "tests.faults.host", self.network.address(HOST), str(_MACHINE))

    def _around(self, gateway: Gateway, folder: Path) -> Around:
        key = folder / "gateway.pem"
        _own(_MACHINE, key)
        machine = machine_of(gateway)
        address = f"{self.network.address(machine)}:{_PORT}"
        gateway.network = str(self.network.handle(machine))
        gateway.connects = lambda: Client(_Wire(address), deadline_s=_CALL_S_MAX, clock=SystemClock())
        return Around(
            callers={"address": address, "auth": "mtls", "tls": {"cert_file": str(key), "key_file": str(key), "client_ca_file": str(_CALLERS)}},
            host={"base_url": self._host_url, "networks": [f"{self.network.address(HOST)}/32"], "ca_file": str(_MACHINES)},
            store={"host": self.network.address(STORE), "database": self.access.database, "ca_file": str(_MACHINES)},
        )


class _ServerOnMachine(Server):
    """Answers gateways over TLS alone, and the suite on its socket."""

    def __init__(self, network: Network) -> None:
        super().__init__(programs(), settings=SETTINGS)
        self._network = network
        self._key = self.folder / "server.pem"
        _own(_MACHINE, self._key)
        owner = self.folder.stat()
        shutil.chown(self._key, owner.st_uid, owner.st_gid)
        (self.folder / "data" / "pg_hba.conf").write_text("local all all trust\nhostssl all gateway 10.213.0.0/16 trust\n")

    def start(self, *more: str, port: int = 5432) -> None:
        with self._network.inside(STORE):
            super().start(
                f"listen_addresses={self._network.address(STORE)}", "ssl=on", f"ssl_cert_file={self._key}", f"ssl_key_file={self._key}", *more, port=port
            )  # fmt: skip


class _Wire(Line):
    """To another machine. The library's own lines are not encrypted and stay on theirs; this one is, both ways proved."""

    def __init__(self, address: str) -> None:
        super().__init__("127.0.0.1:1", None)
        self.channel.close()
        proof = _CALLER.read_bytes()
        credentials = grpc.ssl_channel_credentials(_MACHINES.read_bytes(), proof, proof)
        setattr(self, "channel", grpc.secure_channel(address, credentials, options=OPTIONS))  # noqa: B010 - final for everybody but a test of its gateway


def _own(source: Path, target: Path) -> None:
    """A copy that nobody else may read, as keys have to be."""
    shutil.copyfile(source, target)
    target.chmod(0o600)
