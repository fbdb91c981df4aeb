"""Listeners: who may speak to the gateway, and what proves it.

1. A unix socket proves by its folder: whoever can enter it is the listener's caller. So every unix listener has a folder of its own.
2. Any other address requires a token or a client certificate; a token over the network requires TLS.
3. Only an operator's listener serves every tenant (`"*"`).
"""

import ipaddress
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema, model_validator

from gateway.config.files import FilePath, KeyFile, SecretFile, placed
from gateway.declared.kinds import Declared, Name, name, wrong
from gateway.domain.identity import EVERY_TENANT, Caller, Role

_UNIX: Final = "unix:"
_SOCKET_PATH_BYTES_MAX: Final = 107  # sun_path of Linux, without its final NUL
TOKEN_CHARS_MIN: Final = 32
TOKEN_CHARS_MAX: Final = 4096


class Auth(StrEnum):
    SOCKET = "socket"
    TOKEN_FILE = "token_file"  # noqa: S105 - the name of a way to prove, not a secret
    MTLS = "mtls"


def address(value: object, info: ValidationInfo) -> str:
    """`unix:/path` made absolute, or `host:port`. Raises PydanticCustomError."""
    advice = "Write unix:/run/countersign/workflow/gateway.sock, or 127.0.0.1:7443."
    if not isinstance(value, str):
        raise wrong("expected an address", write=advice)
    if value.startswith(_UNIX):
        return _UNIX + str(_socket(placed(value.removeprefix(_UNIX), info)))
    host, _, port = value.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65536) or host.startswith("//"):
        raise wrong("neither a unix socket nor host:port", write=advice)
    return f"{host}:{int(port)}"


def _socket(path: Path) -> Path:
    made = Path(os.path.normpath(path.absolute()))
    if len(os.fsencode(made)) > _SOCKET_PATH_BYTES_MAX:
        raise wrong(f"the path of a socket has at most {_SOCKET_PATH_BYTES_MAX} bytes, this one {len(os.fsencode(made))}", write="Use a shorter folder.")
    return made


def tcp_address(value: object, info: ValidationInfo) -> str:
    made = address(value, info)
    if made.startswith(_UNIX):
        raise wrong("probes cannot reach a unix socket", write="Write host:port, like 127.0.0.1:9464.")
    return made


def tenant(value: object) -> str:
    return EVERY_TENANT if value == EVERY_TENANT else name(value)


Address = Annotated[str, PlainValidator(address), WithJsonSchema({"type": "string"})]
TcpAddress = Annotated[str, PlainValidator(tcp_address), WithJsonSchema({"type": "string"})]
Tenant = Annotated[str, BeforeValidator(tenant), WithJsonSchema({"type": "string"})]


class Tls(Declared):
    cert_file: FilePath = Field(description="server certificate chain, PEM", examples=["tls/server.crt"])
    key_file: KeyFile = Field(description="its private key, PEM; closed to other users", examples=["tls/server.key"])
    client_ca_file: FilePath | None = Field(default=None, description="with auth mtls: whoever this CA certified is the caller", examples=["tls/clients.crt"])


class Listener(Declared):
    name: Name = Field(description="how logs and metrics call it", examples=["workflow"])
    address: Address = Field(description="unix:/path or host:port", examples=["unix:/run/countersign/workflow/gateway.sock"])
    tenant: Tenant = Field(description='the tenant of everybody who reaches it, or "*" for operators', examples=["acme"])
    caller: Name = Field(description="the recorded principal of everybody who reaches it", examples=["order-service"])
    role: Role = Field(description="what they may call", examples=["workflow"])
    auth: Auth = Field(default=Auth.SOCKET, description="what proves it: socket, token_file or mtls", examples=["socket"])
    token: SecretFile | None = Field(default=None, alias="token_file", description="with auth token_file", examples=["tokens/operator"])
    tls: Tls | None = Field(default=None, description="encrypts a host:port listener")

    @property
    def socket(self) -> Path | None:
        """The path of a unix socket, else None."""
        return Path(self.address.removeprefix(_UNIX)) if self.address.startswith(_UNIX) else None

    @property
    def identity(self) -> Caller:
        return Caller(tenant=self.tenant, name=self.caller, role=self.role)

    @model_validator(mode="after")
    def _proves_something(self) -> Self:
        if self.tenant == EVERY_TENANT and self.role is Role.WORKFLOW:
            raise wrong("a workflow belongs to one tenant", write="Name its tenant.", at=("tenant",))
        if self.socket is None and self.auth is Auth.SOCKET:
            raise wrong("host:port proves nothing about who calls", write="Write auth: token_file or auth: mtls, or use a unix socket.", at=("address",))
        if self.socket is not None and (self.tls is not None or self.auth is Auth.MTLS):
            raise wrong("TLS belongs to host:port", write="A unix socket proves by its folder, or by auth: token_file.", at=("address",))
        if (self.auth is Auth.TOKEN_FILE) != (self.token is not None):
            raise wrong("auth: token_file and token_file go together", write="Write both, or neither.", at=("auth",))
        if self.auth is Auth.MTLS and (self.tls is None or self.tls.client_ca_file is None):
            raise wrong("auth: mtls needs to know the clients' CA", write="Write tls: with cert_file, key_file and client_ca_file.", at=("auth",))
        if self.token is not None:
            self._token_is_safe(self.token.value)
        return self

    def _token_is_safe(self, token: str) -> None:
        if not TOKEN_CHARS_MIN <= len(token) <= TOKEN_CHARS_MAX or " " in token:
            bounds = f"{TOKEN_CHARS_MIN} to {TOKEN_CHARS_MAX} characters without spaces"
            raise wrong(f"the token has {len(token)} characters; it needs {bounds}", write="Make one with: openssl rand -hex 32", at=("token_file",))
        if self.socket is None and self.tls is None and not is_loopback(self.address):
            raise wrong("a token would cross the network unencrypted", write="Add tls: with cert_file and key_file.", at=("address",))


class Diagnostics(Declared):
    """Health and metrics for probes. Off unless written."""

    address: TcpAddress = Field(description="host:port of health and metrics, which carry no content of any request", examples=["127.0.0.1:9464"])


def is_loopback(host_port: str) -> bool:
    host = host_port.rpartition(":")[0].removeprefix("[").removesuffix("]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
