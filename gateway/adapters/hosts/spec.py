"""What is declared of one HTTP target, checked once, before anything is sent to it.

1. Everything that ends up in a request head is checked here or in `head`: no control character reaches the wire (RFC 9110, 5.5).
2. `base_url` is scheme and authority only: the path a policy judged is the path on the wire.
3. The credential is shown by no `repr` and named in no error.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote, urlsplit

from gateway.adapters.hosts.addresses import parse_networks
from gateway.domain.host_answer import HostClass

Mode = Literal["dedupe", "query", "none"]

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"  # underscores: container networks have them
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?")
_IPV6: Final = re.compile(r"[0-9A-Fa-f:.]{2,45}")
_FIELD_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_PATH: Final = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
_PATH_CHARS_MAX: Final = 8 * 1024
_AUTHORIZATION_CHARS_MAX: Final = 8 * 1024
_KEY_SLOT: Final = "{key}"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the target listens."""

    tls: bool
    host: str  # a name or an address, without brackets
    port: int
    authority: str  # the Host header


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpHostSpec:
    """One target as declared. Raises ValueError, naming the field and what to write, when the declaration makes no sense.

    A request may take connect + send + read timeouts together; a lease has to be longer. `overrides`, `replays_refusals` and `trusts_status_codes`
    are carried for `domain.host_answer.classify`; the client itself judges nothing.
    """

    name: str
    base_url: str  # "http://billing:8080": no path, no credentials
    mode: Mode
    connect_timeout_ms: int  # a free connection, the name, TCP and TLS together; nothing is written in this phase
    send_timeout_ms: int
    read_timeout_ms: int  # header and body together
    idle_ms_max: int  # below the host's own keep-alive limit
    pool_max: int  # connections at once, busy and idle together
    networks: tuple[str, ...]  # CIDR; an address outside all of them is never connected to
    ca_file: str | None  # PEM; None: the system's
    authorization: str | None = field(repr=False)  # the whole header value, read from a file by the settings
    query_path: str | None  # "/operations/{key}", exactly when mode is "query"
    enforces_not_after: bool
    trusts_status_codes: bool
    replays_refusals: bool
    overrides: Mapping[int, HostClass]

    def __post_init__(self) -> None:
        if not is_field_value(self.name):
            raise ValueError("target name: write visible ASCII characters")
        origin_of(self)
        _check_bounds(self)
        _check_query(self)
        try:
            parse_networks(self.networks)
        except ValueError as flaw:
            raise ValueError(f"target {self.name}: networks: {flaw}") from None
        if self.authorization is not None and not (is_field_value(self.authorization) and len(self.authorization) <= _AUTHORIZATION_CHARS_MAX):
            raise ValueError(f"target {self.name}: authorization must be 1 to {_AUTHORIZATION_CHARS_MAX} printable ASCII characters on one line")


def _check_bounds(spec: HttpHostSpec) -> None:
    for what in ("connect_timeout_ms", "send_timeout_ms", "read_timeout_ms", "idle_ms_max", "pool_max"):
        if getattr(spec, what) < 1:
            raise ValueError(f"target {spec.name}: {what} is {getattr(spec, what)}; write 1 or more")
    if not spec.networks:
        raise ValueError(f"target {spec.name}: networks is empty; write the CIDR ranges its addresses are in")
    for status in spec.overrides:
        if not 100 <= status <= 599:
            raise ValueError(f"target {spec.name}: overrides names status {status}; write one of 100 to 599")


def _check_query(spec: HttpHostSpec) -> None:
    if (spec.mode == "query") != (spec.query_path is not None):
        raise ValueError(f"target {spec.name}: query_path belongs to mode query, and mode query needs one")
    if spec.query_path is not None and not _is_query_path(spec.query_path):
        raise ValueError(f"target {spec.name}: query_path is {spec.query_path!r}; write a path with one {_KEY_SLOT}, like /operations/{_KEY_SLOT}")


def origin_of(spec: HttpHostSpec) -> Origin:
    """Raises ValueError when `base_url` is not scheme and authority of an HTTP origin."""
    advice = f"target {spec.name}: base_url: write http://host:port or https://host:port, without a path, a query or credentials"
    try:
        parts, declared_port = urlsplit(spec.base_url), urlsplit(spec.base_url).port
    except ValueError:  # brackets that do not close, a port that is none
        raise ValueError(advice) from None
    if parts.scheme not in _DEFAULT_PORTS or parts.hostname is None or declared_port == 0 or parts.path not in {"", "/"} or not spec.base_url.isprintable():
        raise ValueError(advice)
    if parts.query or parts.fragment or parts.username is not None or parts.password is not None or "?" in spec.base_url or "#" in spec.base_url:
        raise ValueError(advice)
    if not is_host(parts.hostname):
        raise ValueError(advice)
    port = _DEFAULT_PORTS[parts.scheme] if declared_port is None else declared_port
    shown = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = shown if port == _DEFAULT_PORTS[parts.scheme] else f"{shown}:{port}"
    return Origin(tls=parts.scheme == "https", host=parts.hostname, port=port, authority=authority)


def is_host(text: str) -> bool:
    """A name or an address, without brackets."""
    return _NAME.fullmatch(text) is not None or (":" in text and _IPV6.fullmatch(text) is not None)


def is_field_value(text: str) -> bool:
    """RFC 9110, 5.5, without obs-text and tabs: visible ASCII, spaces only inside."""
    return _FIELD_VALUE.fullmatch(text) is not None


def is_path(text: str) -> bool:
    """An origin-form request target (RFC 9112, 3.2.1): absolute, percent-encoded, no fragment, no dot segment."""
    if len(text) > _PATH_CHARS_MAX or _PATH.fullmatch(text) is None:
        return False
    return "/." not in text or not {".", ".."} & set(text.partition("?")[0].split("/"))


def fill_query_path(template: str, *, key: str) -> str:
    return template.replace(_KEY_SLOT, quote(key, safe=""))


def _is_query_path(template: str) -> bool:
    return template.count(_KEY_SLOT) == 1 and is_path(fill_query_path(template, key="cs-x"))
