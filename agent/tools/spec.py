"""What a read-only tool is: one URL template, typed slots, the networks it may reach. Checked when it is made, not when it is used.

1. Slots stand in path segments and query values only; scheme, host and port are the operator's.
2. A slot is filled from the context or by the model. One the model fills needs an enum, a pattern or the type integer; in the path, an
   enum. An identifier is never the model's.
3. A wrong spec is a `ValueError` that says what to write; a right one cannot be used in a way its author did not declare.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import jsonschema_rs

RESULT_BYTES_CEILING: Final = 32 * 1024
TIMEOUT_MS_CEILING: Final = 300_000
FRESH_MS_CEILING: Final = 600_000
SLOT_CHARS_CEILING: Final = 256
INTEGER_MAX: Final = 2**53

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SLOT: Final = re.compile(r"\{([a-z][a-z0-9_]{0,31})\}")


class Source(StrEnum):
    CONTEXT = "context"
    MODEL = "model"


class SlotType(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    IDENTIFIER = "identifier"  # a string that says whose data is read


@lru_cache(maxsize=1_024)
def _matcher(pattern: str) -> jsonschema_rs.Validator:
    """Whether all of a string matches, in time that grows with its length alone: a value is a model's, and must not be able to hold up the loop."""
    linear = jsonschema_rs.RegexOptions()
    try:
        jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=linear)
        return jsonschema_rs.validator_for({"pattern": f"^(?:{pattern})$"}, pattern_options=linear)
    except jsonschema_rs.ValidationError as error:
        raise ValueError(f"pattern {pattern!r} is not a regular expression without look-around and back-references") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSpec:
    """One slot of a URL template. `pointer` (RFC 6901, into the context) belongs to `context` slots and only to them."""

    source: Source
    type: SlotType
    pointer: str = ""
    pattern: str = ""  # ECMA 262 without look-around and back-references; must match the whole value; "" for none
    enum: tuple[str, ...] = ()
    max_len: int = 128  # characters of a string
    integer_max: int = INTEGER_MAX  # an integer lies within plus and minus this

    def __post_init__(self) -> None:
        need(1 <= self.max_len <= SLOT_CHARS_CEILING, f"max_len must be 1 to {SLOT_CHARS_CEILING}, got {self.max_len}")
        need(0 <= self.integer_max <= INTEGER_MAX, f"integer_max must be 0 to 2^53, got {self.integer_max}")
        need(self.type is not SlotType.INTEGER or not (self.pattern or self.enum), "pattern and enum are for strings")
        need(self.type is not SlotType.IDENTIFIER or self.source is Source.CONTEXT, "an identifier comes from the context, never from the model")
        need((self.source is Source.CONTEXT) == bool(self.pointer), "a slot from context needs a pointer such as /account; one from the model has none")
        need(not self.pointer or self.pointer.startswith("/"), f"a pointer starts with '/', got {self.pointer!r}")
        if self.source is Source.MODEL and self.type is SlotType.STRING:
            need(bool(self.pattern or self.enum), "a string the model fills needs an enum or a pattern; an identifier must come from the context")
        _matcher(self.pattern)

    def complaint(self, value: object) -> str:
        """Why `value` cannot stand in this slot; "" when it can."""
        if self.type is SlotType.INTEGER:
            return "" if type(value) is int and abs(value) <= self.integer_max else f"must be an integer from {-self.integer_max} to {self.integer_max}"
        if not isinstance(value, str) or not value or len(value) > self.max_len:
            return f"must be a string of 1 to {self.max_len} characters"
        if not value.isprintable():
            return "must hold no control characters"
        if self.enum and value not in self.enum:
            return f"must be one of {', '.join(self.enum)}"
        if self.pattern and not _matcher(self.pattern).is_valid(value):
            return f"must match {self.pattern}"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """One read-only tool. `networks` are CIDR blocks; every address its host resolves to must lie in one of them."""

    name: str
    description: str  # shown to the model
    method: str  # GET | HEAD
    url_template: str
    slots: Mapping[str, SlotSpec]
    networks: tuple[str, ...]
    timeout_ms: int
    result_bytes_max: int
    authorization: str | None = field(default=None, repr=False)  # whole header value of a read-only credential, already read from its file
    ca_file: str | None = None  # PEM; None for the system's roots
    fresh_ms: int = 0  # how long a later decision of the same run may use what was read (`agent.tools.memory`); 0: never

    def __post_init__(self) -> None:
        need(NAME.fullmatch(self.name) is not None, f"a tool's name is letters, digits, '_', '.', '-', at most 64: got {self.name!r}")
        need(self.method in {"GET", "HEAD"}, f"tool {self.name}: method must be GET or HEAD, got {self.method!r}")
        need(1 <= self.timeout_ms <= TIMEOUT_MS_CEILING, f"tool {self.name}: timeout_ms must be 1 to {TIMEOUT_MS_CEILING}, got {self.timeout_ms}")
        need(
            1 <= self.result_bytes_max <= RESULT_BYTES_CEILING,
            f"tool {self.name}: result_bytes_max must be 1 to {RESULT_BYTES_CEILING}, got {self.result_bytes_max}",
        )
        need(0 <= self.fresh_ms <= FRESH_MS_CEILING, f"tool {self.name}: fresh_ms must be 0 to {FRESH_MS_CEILING}, got {self.fresh_ms}")
        need(bool(self.networks), f"tool {self.name}: networks must name at least one block, such as 10.0.0.0/8 or 127.0.0.0/8")
        need(
            self.authorization is None or (bool(self.authorization) and self.authorization.isascii() and self.authorization.isprintable()),
            f"tool {self.name}: the authorization must be one line of visible ASCII",
        )
        for block in self.networks:
            check_block(self.name, block)
        _check_template(self)

    @property
    def model_slots(self) -> Mapping[str, SlotSpec]:
        """The slots the model fills, in the template's declared order."""
        return {name: slot for name, slot in self.slots.items() if slot.source is Source.MODEL}


def check_block(tool: str, block: str) -> None:
    try:
        ipaddress.ip_network(block)
    except ValueError as error:
        raise ValueError(f"tool {tool}: {block!r} in networks is not a CIDR block: {error}") from error


def _check_template(spec: ToolSpec) -> None:
    template = spec.url_template
    parts = urlsplit(template)
    need(parts.scheme in {"http", "https"} and bool(parts.hostname), f"tool {spec.name}: url_template must be http(s)://host/path, got {template!r}")
    need("@" not in parts.netloc, f"tool {spec.name}: no credentials in url_template; use an authorization of its own")
    need(not parts.fragment and "#" not in template, f"tool {spec.name}: url_template has no fragment")
    need("{" not in parts.netloc and "{" not in parts.scheme, f"tool {spec.name}: slots stand in the path and in query values, never in the host")
    need(template.isascii() and template.isprintable() and " " not in template, f"tool {spec.name}: url_template must be plain ASCII without spaces")
    need(all("{" not in pair.partition("=")[0] for pair in parts.query.split("&")), f"tool {spec.name}: a slot in the query stands after '=', not in a name")
    need(not {".", ".."} & set(parts.path.split("/")), f"tool {spec.name}: url_template has a dot segment")
    named = _SLOT.findall(template)
    need(not set("{}") & set(_SLOT.sub("", template)), f"tool {spec.name}: a slot is written {{name}} in lower case; a stray brace is in {template!r}")
    for name in _SLOT.findall(parts.path):
        slot = spec.slots.get(name)
        free = slot is not None and slot.source is Source.MODEL and not slot.enum
        need(not free, f"tool {spec.name}: a path segment says what is read; {{{name}}} needs an enum, or comes from the context")
    need(set(named) == set(spec.slots), f"tool {spec.name}: url_template names {sorted(set(named))}, slots declares {sorted(spec.slots)}; they must agree")
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"tool {spec.name}: {error}") from error
    need(port != 0, f"tool {spec.name}: port 0 cannot be reached")


def need(holds: bool, message: str) -> None:  # noqa: FBT001 - reads as the sentence it is
    if not holds:
        raise ValueError(message)
