"""A listener proves who calls: its tenant, its caller, its role. One gRPC server each, because two sockets on one cannot be told apart.

1. A unix socket is an identity by its folder (0750: its group may enter, nobody else, and only the gateway may change what is in it) and its
   own mode (0660, set after bind); a symbolic link is refused.
2. A socket somebody is listening on is refused; one left behind by a dead process is removed.
3. A TCP listener needs a token or mutual TLS; the token is compared in constant time and never shown.
"""

import hmac
import os
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import grpc

from gateway.domain.identity import Caller

UNIX: Final = "unix:"
_SUN_PATH_BYTES_MAX: Final = 107
_FOLDER_MODE: Final = 0o750
_SOCKET_MODE: Final = 0o660
_OPENINGS: Final = {
    0o007: "open to every user of this machine",
    0o020: "writable by its group, whose members could put a socket of their own in this one's place",
}


class ListenerRefused(Exception):
    """Why this address cannot be served: what was seen, what was expected, what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None  # None: encrypts only; the token proves the caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    name: str
    address: str  # "unix:/path" or "host:port"
    caller: Caller
    token: bytes | None = field(repr=False)
    tls: Tls | None

    def knows(self, metadata: Mapping[str, str]) -> bool:
        """True when the call carries what this listener asks for."""
        if self.token is None:
            return True
        given = metadata.get("authorization", "").encode()
        return hmac.compare_digest(given, b"Bearer " + self.token)


def prepare(listener: Listener) -> None:
    """Makes the folder of a unix socket, and clears a socket that a dead process left. Raises `ListenerRefused`."""
    if not listener.address.startswith(UNIX):
        if listener.token is None and listener.tls is None:
            raise ListenerRefused(f"listener {listener.name}: {listener.address} proves nobody; set auth: token_file or mtls, or use a unix socket")
        return
    path = Path(listener.address.removeprefix(UNIX))
    if len(os.fsencode(path)) > _SUN_PATH_BYTES_MAX:
        raise ListenerRefused(f"listener {listener.name}: the socket path has {len(os.fsencode(path))} bytes; expected at most {_SUN_PATH_BYTES_MAX}")
    folder = path.parent
    try:
        if not folder.exists():
            folder.mkdir(mode=_FOLDER_MODE, parents=True)
            folder.chmod(_FOLDER_MODE)
        _refuse_open_folder(listener, folder)
        _clear_dead(listener, path)
    except OSError as wrong:
        raise ListenerRefused(f"listener {listener.name}: {path}: {wrong.strerror}; name a folder the gateway can write") from wrong


def _refuse_open_folder(listener: Listener, folder: Path) -> None:
    if not folder.is_dir():
        raise ListenerRefused(f"listener {listener.name}: {folder} is no folder; name a folder the gateway can write")
    mode = stat.S_IMODE(folder.stat().st_mode)
    wrong = " and ".join(why for bits, why in _OPENINGS.items() if mode & bits)
    if wrong:
        raise ListenerRefused(
            f"listener {listener.name}: folder {folder} has mode {mode:04o}, {wrong}; expected {_FOLDER_MODE:04o}: run `chmod {_FOLDER_MODE:04o} {folder}`, "
            "or name another"
        )


def _clear_dead(listener: Listener, path: Path) -> None:
    if path.is_symlink():
        raise ListenerRefused(f"listener {listener.name}: {path} is a symbolic link; expected a plain path")
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise ListenerRefused(f"listener {listener.name}: {path} exists and is no socket; name another path")
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.settimeout(1.0)
        probe.connect(str(path))
    except (ConnectionRefusedError, FileNotFoundError):
        path.unlink(missing_ok=True)
        return
    except TimeoutError:
        pass
    finally:
        probe.close()
    raise ListenerRefused(f"listener {listener.name}: {path} is in use by another process; stop it, or name another path")


def bind(listener: Listener, server: grpc.aio.Server) -> int:
    """Binds the prepared address; returns the port, 1 for a unix socket. Raises `ListenerRefused`."""
    try:
        if listener.tls is not None:
            pair = (listener.tls.key, listener.tls.certificate)
            credentials = grpc.ssl_server_credentials([pair], root_certificates=listener.tls.client_ca, require_client_auth=listener.tls.client_ca is not None)
            port = server.add_secure_port(listener.address, credentials)
        else:
            port = server.add_insecure_port(listener.address)
    except RuntimeError as wrong:
        raise ListenerRefused(f"listener {listener.name}: cannot bind {listener.address}: is it in use, or not an address of this machine?") from wrong
    if listener.address.startswith(UNIX):
        Path(listener.address.removeprefix(UNIX)).chmod(_SOCKET_MODE)
    return int(port)


def clear(listener: Listener) -> None:
    """Removes the socket of a listener that has stopped."""
    if listener.address.startswith(UNIX):
        Path(listener.address.removeprefix(UNIX)).unlink(missing_ok=True)
