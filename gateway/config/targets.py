"""Host systems that governed writes go to: their addresses, what they promise, what their answers may be taken for.

1. Addresses and credentials stand here alone; the boundary names targets only.
2. The kind says how a target is spoken to, and its address has the scheme of that kind.
3. A mode is declared with what it needs. What a target does not promise is not relied on.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from gateway.config.files import FilePath, SecretFile
from gateway.config.reachable import Network, PhaseMs, is_host, origin
from gateway.declared.kinds import DAY_MS, Declared, DurationMs, wrong
from gateway.domain.host_answer import HostClass
from gateway.domain.targets import HostMode

_UNIX: Final = "unix:"
_UNIX_PATH: Final = re.compile(r"/[\x21-\x7e]{1,100}")  # a socket's address is about 108 bytes
_GRPC: Final = re.compile(r"grpcs?://(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<host>[^\[\]/:@?#]+)):(?P<port>[0-9]{1,5})/?")
_QUERY_PATH: Final = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
_KEY: Final = "{key}"
_STATUS: Final = re.compile(r"[1-5][0-9]{2}")


def address(value: object) -> str:
    """Of an HTTP origin, a gRPC server, or a unix socket. Raises PydanticCustomError, which never shows the value."""
    text = str(value)
    if text.startswith(_UNIX):
        path = text.removeprefix(_UNIX)
        if not _UNIX_PATH.fullmatch(path) or ".." in PurePosixPath(path).parts:
            raise wrong("expected the path of a socket", write="Write it like unix:/run/billing/host.sock.")
        return text
    if not text.startswith(("grpc://", "grpcs://")):
        return origin(value)
    found = _GRPC.fullmatch(text)
    if found is None or not is_host(found["six"] or found["host"]) or not 0 < int(found["port"]) < 65_536:
        raise wrong("expected scheme, host and port alone", write="Write it like grpcs://billing:8443, without path or credentials.")
    return text.removesuffix("/")


def status(value: object) -> int:
    """Keys of a mapping are text, also where they are numbers."""
    if not _STATUS.fullmatch(str(value)):
        raise wrong("no HTTP status", write="Write 100 to 599.")
    return int(str(value))


Address = Annotated[str, BeforeValidator(address)]
Status = Annotated[int, BeforeValidator(status), WithJsonSchema({"type": "string", "pattern": "^[1-5][0-9][0-9]$"})]


class Dedupe(Declared):
    retention_ms: DurationMs = Field(alias="retention", ge=60_000, le=400 * DAY_MS, description="how long the host remembers a key", examples=["24h"])


class Query(Declared):
    path: str | None = Field(
        default=None, description="of an HTTP target: path that says what came of a key; {key} once. A gRPC target has Query", examples=["/operations/{key}"]
    )
    enforces_not_after: bool = Field(default=False, description="the host refuses a write whose Not-After has passed", examples=[True])

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        if self.path is None:
            return self
        filled = self.path.replace(_KEY, "key")
        right = filled.startswith("/") and _QUERY_PATH.fullmatch(filled) and not {".", ".."} & set(filled.partition("?")[0].split("/"))
        if self.path.count(_KEY) != 1 or not right:
            raise wrong("expected a path with {key} once", write="Write it like /operations/{key}.", at=("path",))
        return self


class Target(Declared):
    """A host system that governed writes go to."""

    kind: Literal["http", "grpc"] = Field(
        default="http", description="how it is spoken to: http, or grpc where it serves countersign.host.v1.HostService", examples=["http"]
    )
    base_url: Address = Field(
        description="http://, https://, grpc:// or grpcs:// with host and port, or unix:/path for grpc; the path of a write comes from the boundary",
        examples=["https://billing:8443"],
    )
    mode: HostMode = Field(description="how it is asked after a write whose answer is unknown: dedupe, query or none", examples=["query"])
    dedupe: Dedupe | None = Field(default=None, description="with mode dedupe: it can be sent the same write again")
    query: Query | None = Field(default=None, description="with mode query: it answers what came of a key")
    connect_timeout_ms: PhaseMs = Field(default=2_000, alias="connect_timeout", description="name, TCP and TLS; nothing has been sent yet", examples=["2s"])
    send_timeout_ms: PhaseMs = Field(
        default=5_000, alias="send_timeout", description="until the last byte of the request is written; a gRPC call has both together", examples=["5s"]
    )
    read_timeout_ms: PhaseMs = Field(default=20_000, alias="read_timeout", description="until the last byte of the answer is read", examples=["20s"])
    idle_ms_max: PhaseMs = Field(
        default=4_000, alias="idle_max", description="an idle connection is kept this long; below the host's own limit", examples=["4s"]
    )
    pool_max: int = Field(default=64, ge=1, le=1_000, description="connections at once; of a gRPC target calls, which share one", examples=[64])
    networks: Annotated[tuple[Network, ...], Field(max_length=64)] = Field(
        default=(), description="CIDR ranges its addresses are in; any other is never connected to. A unix socket has none", examples=[["10.20.0.0/16"]]
    )
    ca_file: FilePath | None = Field(default=None, description="PEM of the CA that certifies it; the system's unless written", examples=["tls/internal-ca.crt"])
    authorization: SecretFile | None = Field(
        default=None, alias="authorization_file", description="file of the whole Authorization header value", examples=["secrets/billing"]
    )
    trusts_status_codes: bool = Field(default=False, description="its refusals by gRPC status are definite", examples=[True])
    replays_refusals: bool = Field(default=False, description="asked again with a key, it answers as it did the first time, refusals too", examples=[True])
    overrides: Mapping[Status, HostClass] = Field(default={}, description="HTTP statuses that mean something else at this host", examples=[{"409": "FAILED"}])

    @model_validator(mode="after")
    def _address_is_of_its_kind(self) -> Self:
        scheme = urlsplit(self.base_url).scheme
        if scheme not in _SCHEMES[self.kind]:
            write = f"Write one of {', '.join(_SCHEMES[self.kind])}, or kind: {'grpc' if self.kind == 'http' else 'http'}."
            raise wrong(f"a target of kind {self.kind} is not spoken to at {scheme}:", write=write, at=("base_url",))
        if scheme == "unix" and self.networks:
            raise wrong("a unix socket has no networks", write="Take networks out: the socket's folder says who can reach it.", at=("networks",))
        if scheme != "unix" and not self.networks:
            raise wrong("no network is named", write="Write the CIDR ranges its addresses are in, like networks: [10.20.0.0/16].", at=("networks",))
        return self

    @model_validator(mode="after")
    def _mode_is_whole(self) -> Self:
        for mode, part in ((HostMode.DEDUPE, self.dedupe), (HostMode.QUERY, self.query)):
            if self.mode is mode and part is None:
                raise wrong(f"mode {mode} without {mode}:", write=f"Add {mode}: beside it.", at=("mode",))
            if self.mode is not mode and part is not None:
                raise wrong(f"{mode}: belongs to mode {mode}", write=f"Write mode: {mode}, or take it out.", at=(str(mode),))
        return self

    @model_validator(mode="after")
    def _says_what_its_kind_can(self) -> Self:
        path = self.query.path if self.query else None
        if self.kind == "http" and self.query is not None and path is None:
            raise wrong("a query over HTTP has a path", write="Write path: /operations/{key}.", at=("query",))
        if self.kind == "grpc" and path is not None:
            raise wrong("a gRPC target is asked by its Query", write="Take path out.", at=("query", "path"))
        if self.kind == "grpc" and self.overrides:
            raise wrong("overrides are by HTTP status", write="Take them out; trusts_status_codes is for gRPC.", at=("overrides",))
        return self


_SCHEMES: Final = {"http": ("http", "https"), "grpc": ("grpc", "grpcs", "unix")}
