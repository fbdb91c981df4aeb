"""What the gateway reaches out to: how addresses and networks are written, and the models that think. Hosts are in `targets`, tools in `tools`.

1. Addresses and credentials are the platform team's and stand in the settings alone; the boundary names them only.
2. Credentials come from files. A base address carries none, and is never shown where it does.
"""

import ipaddress
import re
from datetime import date
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, StringConstraints

from gateway.config.files import FilePath, OneWordFile
from gateway.declared.kinds import Currency, Declared, DurationMs, wrong
from gateway.domain.limits import AMOUNT_MAX, COMMIT_DEADLINE_S_MAX, DECIDE_DEADLINE_S_MAX
from gateway.domain.pointer import well_formed

_PHASE_MS_MAX: Final = COMMIT_DEADLINE_S_MAX * 1_000
_HOST: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*\.?|[0-9A-Fa-f:.]{2,45}")


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
    right = found.scheme in {"http", "https"} and port != 0 and is_host(found.hostname or "")
    return found if right else None


def is_host(text: str) -> bool:
    """A name or an address, without brackets."""
    return _HOST.fullmatch(text) is not None


def network(value: object) -> str:
    try:
        return str(ipaddress.ip_network(str(value), strict=True))
    except ValueError as refused:
        raise wrong(f"no network: {refused}", write="Write a CIDR range, like 10.20.0.0/16 or 127.0.0.1/32.") from None


def pointer(value: object) -> str:
    if not isinstance(value, str) or not well_formed(value):
        raise wrong("no JSON Pointer", write="Write it like /account, with ~1 for a slash inside a name.")
    return value


Endpoint = Annotated[str, BeforeValidator(endpoint)]
Api = Annotated[str, BeforeValidator(api)]
Network = Annotated[str, BeforeValidator(network)]
Pointer = Annotated[str, BeforeValidator(pointer)]
PhaseMs = Annotated[DurationMs, Field(ge=1, le=_PHASE_MS_MAX)]
Networks = Annotated[tuple[Network, ...], Field(min_length=1, max_length=64)]


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
    completion_tokens_max: int = Field(default=400, ge=1, le=100_000, description="of one answer, hidden reasoning included", examples=[2_000])
    greedy: bool = Field(default=True, description="asks with temperature 0 and a fixed seed; some reasoning models refuse both", examples=[False])
    strict_schema: bool = Field(default=False, description="asks for the server's strict mode, and leaves out the schema words it refuses", examples=[True])
    ca_file: FilePath | None = Field(default=None, description="PEM of the CA that certifies it; the system's unless written", examples=["tls/internal-ca.crt"])
