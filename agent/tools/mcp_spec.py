"""What a tool of an MCP server is to us: one tool of one server, its schema pinned, its arguments filled slot by slot.

1. The allow-list is the operator's: a tool that stands in no spec does not exist. That it only reads is the operator's word, so the word
   has to be there (`read_only`).
2. The pin is over what a person looked at: name, description and input schema, as the server listed them.
3. Slots are those of an HTTP read: an identifier comes from the context. What is `fixed` is neither the model's nor the context's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from agent.tools.spec import FRESH_MS_CEILING, NAME, RESULT_BYTES_CEILING, TIMEOUT_MS_CEILING, SlotSpec, Source, check_block, need

_SERVER_TOOL: Final = re.compile(r"[A-Za-z0-9_./-]{1,128}")
_SHA256_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServerSpec:
    """One MCP server over streamable HTTP. `timeout_ms` is for a whole call: connect, agree, list, call."""

    name: str
    url: str
    networks: tuple[str, ...]
    timeout_ms: int
    authorization: str | None = field(default=None, repr=False)  # whole header value of a read-only credential, already read from its file
    ca_file: str | None = None  # PEM; None for the system's roots

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        plain = self.url.isascii() and self.url.isprintable() and not set(" #{}") & set(self.url)
        need(parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc and plain, f"server {self.name}: no address of a server")
        need(NAME.fullmatch(self.name) is not None, f"a server's name is letters, digits, '_', '.', '-', at most 64: got {self.name!r}")
        need(1 <= self.timeout_ms <= TIMEOUT_MS_CEILING, f"server {self.name}: timeout_ms must be 1 to {TIMEOUT_MS_CEILING}, got {self.timeout_ms}")
        need(bool(self.networks), f"server {self.name}: networks must name at least one block, such as 10.0.0.0/8")
        value = self.authorization
        need(value is None or (bool(value) and value.isascii() and value.isprintable()), f"server {self.name}: the authorization must be one line")
        for block in self.networks:
            check_block(self.name, block)


@dataclass(frozen=True, slots=True, kw_only=True)
class McpToolSpec:
    """One allowed tool. `name` is ours; `tool` is what the server calls it; `pin` is the SHA-256 of what it listed (`mcp_listing.pin_of`)."""

    name: str
    description: str  # shown to the model; the server's own words never are
    server: McpServerSpec
    tool: str
    pin: bytes
    read_only: bool
    slots: Mapping[str, SlotSpec]
    fixed: Mapping[str, str | int | bool]
    result_bytes_max: int
    fresh_ms: int = 0  # how long a later decision of the same run may use what was read (`agent.tools.memory`); 0: never

    def __post_init__(self) -> None:
        need(NAME.fullmatch(self.name) is not None, f"a tool's name is letters, digits, '_', '.', '-', at most 64: got {self.name!r}")
        need(_SERVER_TOOL.fullmatch(self.tool) is not None, f"tool {self.name}: the server's name for it has odd characters or more than 128")
        need(self.read_only, f"tool {self.name}: whoever allows it has to say that it only reads")
        need(len(self.pin) == _SHA256_BYTES, f"tool {self.name}: the pin is a SHA-256")
        need(0 <= self.fresh_ms <= FRESH_MS_CEILING, f"tool {self.name}: fresh_ms must be 0 to {FRESH_MS_CEILING}, got {self.fresh_ms}")
        need(not self.slots.keys() & self.fixed.keys(), f"tool {self.name}: an argument is either fixed or a slot")
        need(
            1 <= self.result_bytes_max <= RESULT_BYTES_CEILING,
            f"tool {self.name}: result_bytes_max must be 1 to {RESULT_BYTES_CEILING}, got {self.result_bytes_max}",
        )

    @property
    def model_slots(self) -> Mapping[str, SlotSpec]:
        """The slots the model fills, in the declared order."""
        return {name: slot for name, slot in self.slots.items() if slot.source is Source.MODEL}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTool:
    """A tool as its server lists it. `description` and `input_schema_json` are the server's words."""

    name: str
    description: str
    input_schema_json: str  # canonical
    pin: bytes  # b"" where the schema has no canonical form
    changes_something: bool  # the server says so
