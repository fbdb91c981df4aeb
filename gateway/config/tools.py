"""What agents may read: HTTP reads of declared addresses, and tools of MCP servers, each allowed one by one.

1. A tool is read only because whoever writes this says so: GET or HEAD to one declared URL, or a tool of a server with its schema pinned
   and `read_only: true` written beside it.
2. The model never says whose data is read. An identifier comes from the context: a slot declared one, a slot whose name says so, and
   every segment of a path. What the model may fill is a closed list, or a bounded value in a query or an argument.
3. Addresses and credentials stand here alone, credentials in files. The networks are those its addresses must be in.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

import jsonschema_rs
from pydantic import Field, StringConstraints, model_validator

from gateway.config.files import FilePath, SecretFile
from gateway.config.reachable import Endpoint, Networks, PhaseMs, Pointer
from gateway.declared.kinds import Declared, DurationMs, Name, Sentence, wrong
from gateway.domain.identifiers import identifying
from gateway.domain.limits import JSON_INTEGER_MAX, TOOL_RESULT_BYTES_MAX, TOOLS_MAX

_SLOT: Final = re.compile(r"\{([a-z][a-z0-9_]{0,31})\}")
FRESH_MS_MAX: Final = 600_000
_SLOT_CHARS_MAX: Final = 256
_SLOT_CHARS: Final = 128
_LIST: Final = "Take it from: context, or bound it by enum."

Argument = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[!-~]+$")]
Fixed = bool | Annotated[int, Field(ge=-JSON_INTEGER_MAX, le=JSON_INTEGER_MAX)] | Annotated[str, StringConstraints(max_length=200)]
FreshMs = Annotated[DurationMs, Field(ge=0, le=FRESH_MS_MAX)]
_FRESH: Final = "a later decision of the same run may use what was read for this long; 0s: each decision reads anew"
ResultBytesMax = Annotated[int, Field(ge=1, le=TOOL_RESULT_BYTES_MAX)]


class ToolSlot(Declared):
    """One value of a call, and who fills it."""

    source: Literal["context", "model"] = Field(alias="from", description="context: the workflow fills it; model: the agent does", examples=["context"])
    pointer: Pointer | None = Field(default=None, description="with from context: where in the step's context", examples=["/account"])
    type: Literal["string", "integer", "identifier"] = Field(
        default="string",
        description="what fills it; an identifier is a string that says whose data is read, and only the context fills it",
        examples=["identifier"],
    )
    enum: tuple[Annotated[str, StringConstraints(min_length=1, max_length=200)], ...] = Field(
        default=(), description="only these", examples=[["month", "year"]]
    )
    pattern: str = Field(
        default="",
        max_length=200,
        description="regular expression (ECMA 262, no look-around, no back-references) that all of a string must match",
        examples=["[a-z]{1,20}"],
    )
    declared_max: Annotated[int, Field(ge=1, le=JSON_INTEGER_MAX)] | None = Field(
        default=None, alias="max", description="characters of a string (128 unless written, at most 256), or the greatest integer", examples=[64]
    )

    @property
    def max(self) -> int:
        """Of a string its characters, of an integer its value."""
        return self.declared_max or (JSON_INTEGER_MAX if self.type == "integer" else _SLOT_CHARS)

    @property
    def open_to_the_model(self) -> bool:
        """The model fills it, and from no closed list."""
        return self.source == "model" and not self.enum

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.type == "identifier" and self.source == "model":
            raise wrong("an identifier says whose data is read, and the model never does", write="Write from: context with a pointer.", at=("from",))
        if (self.source == "context") != (self.pointer is not None):
            raise wrong("a pointer belongs to from: context, and from: context needs one", write="Write pointer: /name, or from: model.", at=("from",))
        try:
            jsonschema_rs.validator_for({"pattern": self.pattern}, pattern_options=jsonschema_rs.RegexOptions())
        except jsonschema_rs.ValidationError:
            raise wrong("no regular expression, or one with look-around or back-references", write="Put it right, or use enum.", at=("pattern",)) from None
        if self.type == "integer" and (self.enum or self.pattern):
            raise wrong("enum and pattern are for strings", write="Bound an integer by max.", at=("type",))
        if self.type != "integer" and self.max > _SLOT_CHARS_MAX:
            raise wrong(f"a string has at most {_SLOT_CHARS_MAX} characters", write=f"Write max: {_SLOT_CHARS_MAX} or less.", at=("max",))
        if self.type == "string" and self.open_to_the_model and not self.pattern:
            raise wrong("a string that the model fills is free text", write="Bound it by enum or pattern, or take it from: context.", at=("from",))
        return self


def _names_nobody(slot: ToolSlot, name: str, at: tuple[str, str]) -> None:
    """Raises PydanticCustomError where the model would fill what is called like an identifier."""
    word = identifying(name) if slot.open_to_the_model else ""
    if word:
        raise wrong(f'"{name}" says by its word "{word}" that it identifies somebody or something, and the model never does', write=_LIST, at=at)


class Tool(Declared):
    """An HTTP read."""

    description: Sentence = Field(description="what the model is told it does", examples=["Seats in use of an account"])
    method: Literal["GET", "HEAD"] = Field(default="GET", description="reads only", examples=["GET"])
    url: Endpoint = Field(description="http or https, with {slots} in path and query", examples=["http://billing:8080/accounts/{account}/seats"])
    slots: Mapping[str, ToolSlot] = Field(default={}, max_length=16, description="what fills the holes of the URL")
    networks: Networks = Field(description="CIDR ranges its addresses are in; any other is never connected to", examples=[["10.20.0.0/16"]])
    timeout_ms: PhaseMs = Field(default=5_000, alias="timeout", description="for the whole call", examples=["5s"])
    result_bytes_max: ResultBytesMax = Field(default=16_384, description="a longer result is cut", examples=[16_384])
    fresh_ms: FreshMs = Field(default=0, alias="fresh_for", description=_FRESH, examples=["60s"])
    ca_file: FilePath | None = Field(default=None, description="PEM of the CA that certifies it; the system's unless written", examples=["tls/internal-ca.crt"])
    authorization: SecretFile | None = Field(
        default=None,
        alias="authorization_file",
        description="file of the whole Authorization header value; a credential that can only read",
        examples=["secrets/reader"],
    )

    @property
    def prefetchable(self) -> bool:
        """True when the context fills every slot, so that a step can name it under `reads`."""
        return all(slot.source == "context" for slot in self.slots.values())

    @model_validator(mode="after")
    def _slots_fit(self) -> Self:
        holes = _SLOT.findall(self.url)
        if len(set(holes)) != len(holes) or set(holes) != set(self.slots) or set("{}") & set(_SLOT.sub("", self.url)):
            raise wrong("the {holes} of the URL are not exactly the slots", write="Name each slot once in the URL, and each hole under slots.", at=("url",))
        parts = urlsplit(self.url)
        if "{" in parts.netloc or any("{" in pair.partition("=")[0] for pair in parts.query.split("&")):
            raise wrong("a slot in the host, or in a name of the query", write="Keep slots to the path and to values of the query.", at=("url",))
        return self

    @model_validator(mode="after")
    def _model_identifies_nobody(self) -> Self:
        parts = urlsplit(self.url)
        for hole in _SLOT.findall(parts.path):
            if self.slots[hole].open_to_the_model:
                raise wrong(f"a segment of a path says what is read, and the model would fill {{{hole}}}", write=_LIST, at=("slots", hole))
        for name, slot in self.slots.items():
            _names_nobody(slot, name, ("slots", name))
        for key, _, value in (pair.partition("=") for pair in parts.query.split("&")):
            for hole in _SLOT.findall(value):
                _names_nobody(self.slots[hole], key, ("slots", hole))
        return self


class McpTool(Declared):
    """A tool of an MCP server, allowed."""

    tool: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./-]{1,128}$")] | None = Field(
        default=None, description="what the server calls it, where that is not its name here", examples=["searchNotes"]
    )
    description: Sentence = Field(description="what the model is told it does; the server's own words are never shown to it", examples=["Notes of an account"])
    read_only: bool = Field(description="you have looked at it, and it changes nothing; nothing else is taken than true", examples=[True])
    pin: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="SHA-256 of its name, description and input schema, as `countersign tools pin` prints it; any other disables the tool",
        examples=["4af3529674c066ed7523433e7cdb766513ba1d582dbf5a5f84e08101abd2ebc0"],
    )
    arguments: Mapping[Argument, ToolSlot] = Field(default={}, max_length=16, description="what fills the arguments, by their names at the server")
    fixed: Mapping[Argument, Fixed] = Field(default={}, max_length=16, description="arguments that are always the same", examples=[{"limit": 20}])
    result_bytes_max: ResultBytesMax = Field(default=16_384, description="a longer result is cut", examples=[16_384])
    fresh_ms: FreshMs = Field(default=0, alias="fresh_for", description=_FRESH, examples=["60s"])

    @property
    def prefetchable(self) -> bool:
        """True when nothing is left for the model to fill, so that a step can name it under `reads`."""
        return all(slot.source == "context" for slot in self.arguments.values())

    @model_validator(mode="after")
    def _only_reads(self) -> Self:
        if not self.read_only:
            raise wrong("an agent gets no tool that may change something", write="Take it out, or write read_only: true if it only reads.", at=("read_only",))
        for name in self.arguments.keys() & self.fixed.keys():
            raise wrong(f'"{name}" is both fixed and an argument', write="Keep one of the two.", at=("fixed", name))
        for name, slot in self.arguments.items():
            _names_nobody(slot, name, ("arguments", name))
        return self


class McpServer(Declared):
    """An MCP server over streamable HTTP. Of what it offers there is only what stands under `tools`."""

    url: Endpoint = Field(description="its endpoint", examples=["https://notes:8443/mcp"])
    networks: Networks = Field(description="CIDR ranges its addresses are in; any other is never connected to", examples=[["10.20.0.0/16"]])
    timeout_ms: PhaseMs = Field(default=10_000, alias="timeout", description="for a whole call: connect, agree, list, call", examples=["10s"])
    ca_file: FilePath | None = Field(default=None, description="PEM of the CA that certifies it; the system's unless written", examples=["tls/internal-ca.crt"])
    authorization: SecretFile | None = Field(
        default=None,
        alias="authorization_file",
        description="file of the whole Authorization header value; a credential that can only read",
        examples=["secrets/notes-reader"],
    )
    tools: Mapping[Name, McpTool] = Field(default={}, max_length=TOOLS_MAX, description="what agents may call of it; a boundary names it <server>.<name>")

    @model_validator(mode="after")
    def _has_no_slots(self) -> Self:
        if set("{}") & set(self.url):
            raise wrong("the endpoint of a server has no slots", write="Fill arguments instead.", at=("url",))
        return self
