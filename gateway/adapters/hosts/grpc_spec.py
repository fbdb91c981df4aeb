"""What is declared of one gRPC target, checked once, before anything is sent to it.

1. The address is one of three: `grpc://host:port` in the clear, `grpcs://host:port` with TLS, `unix:/path` on this machine.
2. A unix socket has no networks: the folder it lies in says who can reach it. Anything else names the ranges its addresses are in.
3. The credential is shown by no `repr` and named in no error.
"""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from gateway.adapters.hosts.addresses import parse_networks
from gateway.adapters.hosts.spec import Mode, Origin, is_field_value, is_host

_UNIX: Final = "unix:"
_UNIX_PATH: Final = re.compile(r"/[\x21-\x7e]{1,100}")  # a socket's address is about 108 bytes
_AUTHORIZATION_CHARS_MAX: Final = 8 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcHostSpec:
    """One target as declared. Raises ValueError, naming the field and what to write, when the declaration makes no sense.

    A request may take connect + call timeouts together; a lease has to be longer.
    """

    name: str
    base_url: str  # "grpcs://billing:8443", "grpc://127.0.0.1:9000", "unix:/run/billing/host.sock"
    mode: Mode
    connect_timeout_ms: int  # a free place, the name, TCP and TLS together; nothing is sent in this phase
    call_timeout_ms: int  # from the start of the call to the end of the answer
    idle_ms_max: int  # below the host's own limit
    calls_max: int  # at once
    networks: tuple[str, ...]  # CIDR; empty for a unix socket alone
    ca_file: str | None  # PEM; None: the system's
    authorization: str | None = field(repr=False)  # the value of the `authorization` metadata, read from a file by the settings

    def __post_init__(self) -> None:
        if not is_field_value(self.name):
            raise ValueError("target name: write visible ASCII characters")
        for what in ("connect_timeout_ms", "call_timeout_ms", "idle_ms_max", "calls_max"):
            if getattr(self, what) < 1:
                raise ValueError(f"target {self.name}: {what} is {getattr(self, what)}; write 1 or more")
        unix = grpc_origin_of(self) is None
        if unix and self.networks:
            raise ValueError(f"target {self.name}: networks belong to an address; a unix socket has none")
        if not unix and not self.networks:
            raise ValueError(f"target {self.name}: networks is empty; write the CIDR ranges its addresses are in")
        try:
            parse_networks(self.networks)
        except ValueError as flaw:
            raise ValueError(f"target {self.name}: networks: {flaw}") from None
        if self.authorization is not None and not (is_field_value(self.authorization) and len(self.authorization) <= _AUTHORIZATION_CHARS_MAX):
            raise ValueError(f"target {self.name}: authorization must be 1 to {_AUTHORIZATION_CHARS_MAX} printable ASCII characters on one line")


def grpc_origin_of(spec: GrpcHostSpec) -> Origin | None:
    """None for a unix socket. Raises ValueError when `base_url` is none of the three."""
    advice = f"target {spec.name}: base_url: write grpcs://host:port, grpc://host:port or unix:/path, without anything else"
    if spec.base_url.startswith(_UNIX):
        path = spec.base_url.removeprefix(_UNIX)
        if not _UNIX_PATH.fullmatch(path) or ".." in PurePosixPath(path).parts:
            raise ValueError(advice)
        return None
    try:
        parts, port = urlsplit(spec.base_url), urlsplit(spec.base_url).port
    except ValueError:  # brackets that do not close, a port that is none
        raise ValueError(advice) from None
    if parts.scheme not in {"grpc", "grpcs"} or not port or not parts.hostname or not is_host(parts.hostname) or not spec.base_url.isprintable():
        raise ValueError(advice)
    shown = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if spec.base_url.partition("://")[2].rstrip("/").lower() != f"{shown}:{port}":
        raise ValueError(advice)
    return Origin(tls=parts.scheme == "grpcs", host=parts.hostname, port=port, authority=f"{shown}:{port}")
