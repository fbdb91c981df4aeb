"""What the gateway reaches out to: targets that are written to and models that think. Tools, which are read, are in `tools`.

1. Addresses and credentials are the platform team's and stand in the settings alone; the boundary names them only.
2. Credentials come from files. A base address carries none, and is never shown where it does.
"""

import ipaddress
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from gateway.config.files import FilePath, OneWordFile, SecretFile
from gateway.declared.kinds import DAY_MS, Currency, Declared, DurationMs, wrong
from gateway.domain.host_answer import HostClass
from gateway.domain.limits import AMOUNT_MAX, COMMIT_DEADLINE_S_MAX, DECIDE_DEADLINE_S_MAX
from gateway.domain.pointer import well_formed
from gateway.domain.targets import HostMode

_PHASE_MS_MAX: Final = COMMIT_DEADLINE_S_MAX * 1_000
_HOST: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*\.?|[0-9A-Fa-f:.]{2,45}")
_QUERY_PATH: Final = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
_KEY: Final = "{key}"
_STATUS: Final = re.compile(r"[1-5][0-9]{2}")


def origin(value: object) -> str:
    """`https://host:port`, without path, query or credentials. Raises PydanticCustomError, which never shows the value."""
    found = _split(value)
    if found is None or found.path not in {"", "/"} or set("?#@") & set(str(value)):
        raise wrong("expected scheme, host and port alone", write="Write it like https://billing:8443, without path, query or credentials.")
    return str(value).removesuffix("/")


def endpoint(value: object) -> str:
    """An http or https address with a path and perhaps a query, without credentials or fragment."""
    found = _split(value)
    if found is None or "@" in found.netloc or "#" in str(value) or {".", ".."} & set(found.path.split("/")):
        raise wrong("expected an http or https address without credentials", write="Write it like http://127.0.0.1:8080/v1; credentials belong in a file.")
    return str(value)


def api(value: object) -> str:
    """An http or https address that paths are added to."""
    if "?" in str(value):
        raise wrong("the address of an API has no query", write="Write it up to /v1.")
    return endpoint(value)


def _split(value: object) -> SplitResult | None:
    """An http or https address of a host, taken apart; None for anything else."""
    if not isinstance(value, str) or not (value.isascii() and value.isprintable()) or " " in value:
        return None
    try:
        found = urlsplit(value)
        port = found.port
    except ValueError:
        return None
    right = found.scheme in {"http", "https"} and port != 0 and _HOST.fullmatch(found.hostname or "")
    return found if right else None


def network(value: object) -> str:
    try:
        return str(ipaddress.ip_network(str(value), strict=True))
    except ValueError as refused:
        raise wrong(f"no network: {refused}", write="Write a CIDR range, like 10.20.0.0/16 or 127.0.0.1/32.") from None


def pointer(value: object) -> str:
    if not isinstance(value, str) or not well_formed(value):
        raise wrong("no JSON Pointer", write="Write it like /account, with ~1 for a slash inside a name.")
    return value


def status(value: object) -> int:
    """Keys of a mapping are text, also where they are numbers."""
    if not _STATUS.fullmatch(str(value)):
        raise wrong("no HTTP status", write="Write 100 to 599.")
    return int(str(value))


Origin = Annotated[str, BeforeValidator(origin)]
Endpoint = Annotated[str, BeforeValidator(endpoint)]
Api = Annotated[str, BeforeValidator(api)]
Network = Annotated[str, BeforeValidator(network)]
Pointer = Annotated[str, BeforeValidator(pointer)]
Status = Annotated[int, BeforeValidator(status), WithJsonSchema({"type": "string", "pattern": "^[1-5][0-9][0-9]$"})]
PhaseMs = Annotated[DurationMs, Field(ge=1, le=_PHASE_MS_MAX)]
Networks = Annotated[tuple[Network, ...], Field(min_length=1, max_length=64)]


class Dedupe(Declared):
    retention_ms: DurationMs = Field(alias="retention", ge=60_000, le=400 * DAY_MS, description="how long the host remembers a key", examples=["24h"])


class Query(Declared):
    path: str = Field(description="path that says what came of a key; {key} once", examples=["/operations/{key}"])
    enforces_not_after: bool = Field(default=False, description="the host refuses a write whose Not-After has passed", examples=[True])

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        filled = self.path.replace(_KEY, "key")
        right = filled.startswith("/") and _QUERY_PATH.fullmatch(filled) and not {".", ".."} & set(filled.partition("?")[0].split("/"))
        if self.path.count(_KEY) != 1 or not right:
            raise wrong("expected a path with {key} once", write="Write it like /operations/{key}.", at=("path",))
        return self


class Target(Declared):
    """A host system that governed writes go to."""

    kind: Literal["http"] = Field(default="http", description="how it is spoken to", examples=["http"])
    base_url: Origin = Field(description="scheme, host and port; the path of a write comes from the boundary", examples=["https://billing:8443"])
    mode: HostMode = Field(description="how it is asked after a write whose answer is unknown: dedupe, query or none", examples=["query"])
    dedupe: Dedupe | None = Field(default=None, description="with mode dedupe: it can be sent the same write again")
    query: Query | None = Field(default=None, description="with mode query: it answers what came of a key")
    connect_timeout_ms: PhaseMs = Field(default=2_000, alias="connect_timeout", description="name, TCP and TLS; nothing has been sent yet", examples=["2s"])
    send_timeout_ms: PhaseMs = Field(default=5_000, alias="send_timeout", description="until the last byte of the request is written", examples=["5s"])
    read_timeout_ms: PhaseMs = Field(default=20_000, alias="read_timeout", description="until the last byte of the answer is read", examples=["20s"])
    idle_ms_max: PhaseMs = Field(
        default=4_000, alias="idle_max", description="an idle connection is kept this long; below the host's own limit", examples=["4s"]
    )
    pool_max: int = Field(default=64, ge=1, le=1_000, description="connections at once", examples=[64])
    networks: Networks = Field(description="CIDR ranges its addresses are in; any other is never connected to", examples=[["10.20.0.0/16"]])
    ca_file: FilePath | None = Field(default=None, description="PEM of the CA that certifies it; the system's unless written", examples=["tls/internal-ca.crt"])
    authorization: SecretFile | None = Field(
        default=None, alias="authorization_file", description="file of the whole Authorization header value", examples=["secrets/billing"]
    )
    trusts_status_codes: bool = Field(default=False, description="its refusals by gRPC status are definite", examples=[True])
    replays_refusals: bool = Field(default=False, description="asked again with a key, it answers as it did the first time, refusals too", examples=[True])
    overrides: Mapping[Status, HostClass] = Field(default={}, description="HTTP statuses that mean something else at this host", examples=[{"409": "FAILED"}])

    @model_validator(mode="after")
    def _mode_is_whole(self) -> Self:
        for mode, part in ((HostMode.DEDUPE, self.dedupe), (HostMode.QUERY, self.query)):
            if self.mode is mode and part is None:
                raise wrong(f"mode {mode} without {mode}:", write=f"Add {mode}: beside it.", at=("mode",))
            if self.mode is not mode and part is not None:
                raise wrong(f"{mode}: belongs to mode {mode}", write=f"Write mode: {mode}, or take it out.", at=(str(mode),))
        return self


class Price(Declared):
    """What a model costs, so that money can be bounded before it is spent."""

    in_micros_per_million: int = Field(ge=0, le=AMOUNT_MAX, description="a million prompt tokens, in micros of the currency", examples=[150_000])
    out_micros_per_million: int = Field(ge=0, le=AMOUNT_MAX, description="a million completion tokens, in micros of the currency", examples=[600_000])
    currency: Currency
    as_of: date = Field(description="when this price was looked up", examples=["2026-11-01"])


class Model(Declared):
    """An OpenAI-compatible endpoint that thinks. The order of models is the order of preference."""

    base_url: Api = Field(description="its API, up to /v1", examples=["http://127.0.0.1:8080/v1"])
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(description="its name at that endpoint", examples=["smollm2"])
    api_key: OneWordFile | None = Field(default=None, alias="api_key_file", description="file of its key", examples=["secrets/model"])
    price: Price | None = Field(default=None, description="needed where a step has a money limit")
    concurrency_max: int = Field(default=4, ge=1, le=1_000, description="calls at once", examples=[4])
    queue_max: int = Field(default=64, ge=0, le=10_000, description="calls that wait for a turn; beyond them Decide is refused as OVERLOADED", examples=[64])
    answer_timeout_ms: Annotated[DurationMs, Field(ge=1, le=DECIDE_DEADLINE_S_MAX * 1_000)] = Field(
        default=60_000, alias="answer_timeout", description="for one call; then the next model of the step is asked", examples=["60s"]
    )
    put_aside_ms: Annotated[DurationMs, Field(ge=0, le=3_600_000)] = Field(
        default=30_000, alias="put_aside", description="after a fault of its own it is asked last, this long", examples=["30s"]
    )
