"""JSON Schemas of payloads and contexts: compiled once, asked often, and looked through for what the boundary takes for granted.

1. JSON Schema 2020-12, in one file: references stay inside it, nothing is ever fetched. Patterns run in linear time.
2. A violation says where and what was expected, never the value. It is bounded and printable.
3. A payload that costs, binds or fills a path is closed: OPA, the host and we then agree on what is in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs

from gateway.declared.findings import DeclarationRefused, Finding, nearest
from gateway.declared.yaml_marks import Marked, Path, read_yaml
from gateway.domain.boundary import SchemaViolation
from gateway.domain.strict_json import NotStrict, scan

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TEXT_CHARS_MAX: Final = 200
_REFS_MAX: Final = 32


class CompiledSchema:
    """A `Validator`: None for a document that fits, else the first place where it does not."""

    __slots__ = ("_asked",)

    def __init__(self, asked: jsonschema_rs.Validator) -> None:
        self._asked = asked

    def __call__(self, document: object) -> SchemaViolation | None:
        if self._asked.is_valid(document):
            return None
        first = next(self._asked.iter_errors(document))
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in first.instance_path)
        return SchemaViolation(_printable(pointer), _printable(first.message))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One file of schemas/."""

    marked: Marked
    document: Mapping[str, Any]
    validator: CompiledSchema

    def finding(self, path: Path, message: str, write: str) -> Finding:
        where = "/".join(("#", *map(str, path)))
        return self.marked.finding(path, f"{where}: {message}", write)


def read_schema(content: bytes, file: str) -> Schema:
    """Raises `DeclarationRefused`."""
    document = scan(content)
    if isinstance(document, NotStrict):
        raise _refuse(file, f"not strict JSON: {document.why} {document.where}".rstrip(), "Put the JSON right.")
    if not isinstance(document, dict):
        raise _refuse(file, "a schema is a JSON object", 'Write {"type": "object", "additionalProperties": false, …}.')
    marked = _marked(content, file, document)
    findings = [marked.finding(path, message, write) for path, message, write in _elsewhere(document)]
    if findings:
        raise DeclarationRefused(findings)
    try:
        asked = jsonschema_rs.validator_for(document, offline=True, mask="the value", pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as refused:
        path = tuple(getattr(refused, "instance_path", ()))
        raise DeclarationRefused([marked.finding(path, f"no JSON Schema: {_printable(refused.message)}", "Put the schema right at this place.")]) from None
    return Schema(marked=marked, document=document, validator=CompiledSchema(asked))


def _marked(content: bytes, file: str, document: object) -> Marked:
    """JSON is nearly YAML; where it is not (tabs), findings name the file without a line."""
    try:
        return read_yaml(content, file)
    except DeclarationRefused:
        return Marked(file=file, data=document, keys={}, values={})


def _elsewhere(document: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """What would make the schema mean something that is not in this file."""
    if document.get("$schema", _DIALECT) != _DIALECT:
        yield ("$schema",), "another dialect of JSON Schema", f'Write "$schema": "{_DIALECT}", or nothing.'
    pending: list[tuple[Path, object]] = [((), document)]
    while pending:
        path, here = pending.pop()
        if isinstance(here, dict):
            reference = here.get("$ref")
            if isinstance(reference, str) and not (reference == "#" or reference.startswith("#/")):
                yield (*path, "$ref"), "a reference out of this file, or by anchor", "Copy what it names under $defs, and refer to #/$defs/…."
            elif isinstance(reference, str) and not _leads_somewhere(document, reference):
                yield (*path, "$ref"), "a reference to nothing", "Name a schema of this file, like #/$defs/money."
            for keyword in ("$id", "$schema", "$dynamicRef", "$recursiveRef"):
                if keyword in here and path:
                    yield (*path, keyword), f"{keyword} inside a schema changes what it means", "Take it out."
            pending += [((*path, key), value) for key, value in here.items()]
        elif isinstance(here, list):
            pending += [((*path, place), value) for place, value in enumerate(here)]


def open_places(schema: Schema) -> Iterator[Finding]:
    """Every place where a payload could carry what nobody declared."""
    for path, message in _open(schema.document, (), schema.document, frozenset()):
        yield schema.finding(
            path, message, "A payload that costs, binds or fills a path is closed: write type, and additionalProperties: false at every object."
        )


def _open(here: object, path: Path, root: Mapping[str, Any], within: frozenset[Path]) -> Iterator[tuple[Path, str]]:
    if here is False or path in within:
        return
    if not isinstance(here, dict) or not here:
        yield path, "anything may stand here"
        return
    if "enum" in here or "const" in here:
        return
    if "$ref" in here:
        target = _named(here["$ref"])
        yield from _open(_follow(root, target), target, root, within | {path})
        return
    types = here.get("type")
    if types is None:
        yield from _open_without_type(here, path, root, within)
        return
    if "object" in types:
        yield from _open_object(here, path, root, within)
    if "array" in types:
        yield from _open_array(here, path, root, within)


def _open_without_type(here: Mapping[str, Any], path: Path, root: Mapping[str, Any], within: frozenset[Path]) -> Iterator[tuple[Path, str]]:
    for keyword in ("anyOf", "oneOf"):
        if keyword in here:
            for place, branch in enumerate(here[keyword]):
                yield from _open(branch, (*path, keyword, place), root, within)
            return
    closed = any(not list(_open(branch, (*path, "allOf", place), root, within)) for place, branch in enumerate(here.get("allOf", ())))
    if not closed:
        yield path, "there is no type, so anything may stand here"


def _open_object(here: Mapping[str, Any], path: Path, root: Mapping[str, Any], within: frozenset[Path]) -> Iterator[tuple[Path, str]]:
    if here.get("additionalProperties") is not False:
        yield path, "an object that is not closed"
    if "patternProperties" in here:
        yield (*path, "patternProperties"), "members without names"
    for name, member in here.get("properties", {}).items():
        yield from _open(member, (*path, "properties", name), root, within)


def _open_array(here: Mapping[str, Any], path: Path, root: Mapping[str, Any], within: frozenset[Path]) -> Iterator[tuple[Path, str]]:
    if "items" not in here:
        yield path, "a list whose items may be anything"
    else:
        yield from _open(here["items"], (*path, "items"), root, within)
    for place, item in enumerate(here.get("prefixItems", ())):
        yield from _open(item, (*path, "prefixItems", place), root, within)


@dataclass(frozen=True, slots=True)
class Lost:
    """A pointer that names nothing that is always there."""

    message: str
    write: str


def at(schema: Schema, pointer: str) -> Mapping[str, Any] | Lost:
    """What the schema says of the member a pointer names, which every payload has to have."""
    here: object = _resolved(schema.document, schema.document)
    walked = ""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        members = here.get("properties", {}) if isinstance(here, dict) else {}
        if not isinstance(here, dict) or name not in members:
            return Lost(f'{schema.marked.file} declares no member "{name[:64]}" at {walked or "its top"}', nearest(name, members))
        if name not in here.get("required", ()):
            return Lost(f'the member "{name[:64]}" may be missing', f'Write "{name[:64]}" under required in {schema.marked.file}.')
        here = _resolved(members[name], schema.document)
        walked += f"/{token}"
    return here if isinstance(here, dict) else Lost(f"{schema.marked.file} says nothing about {walked}", "Write its type.")


def is_text(said: Mapping[str, Any]) -> bool:
    values = _values(said)
    return said.get("type") == "string" if values is None else all(isinstance(value, str) for value in values)


def is_integer(said: Mapping[str, Any]) -> bool:
    values = _values(said)
    return said.get("type") == "integer" if values is None else all(isinstance(value, int) and not isinstance(value, bool) for value in values)


def is_never_negative(said: Mapping[str, Any]) -> bool:
    values = _values(said)
    least = [said[keyword] for keyword in ("minimum", "exclusiveMinimum") if keyword in said]
    return any(value >= 0 for value in least) if values is None else all(value >= 0 for value in values)


def _values(said: Mapping[str, Any]) -> list[Any] | None:
    """The values there can be, where the schema counts them up."""
    if "const" in said:
        return [said["const"]]
    return list(said["enum"]) if "enum" in said else None


def _resolved(here: object, root: Mapping[str, Any]) -> object:
    for _ in range(_REFS_MAX):
        if not isinstance(here, dict) or "$ref" not in here:
            return here
        here = _follow(root, _named(here["$ref"]))
    return True


def _named(reference: str) -> Path:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in reference.split("/")[1:])


def _follow(root: Mapping[str, Any], path: Path) -> object:
    here: Any = root
    for part in path:
        here = here[int(part)] if isinstance(here, list) else here[part]
    return here


def _leads_somewhere(root: Mapping[str, Any], reference: str) -> bool:
    try:
        return isinstance(_follow(root, _named(reference)), dict | bool)
    except (LookupError, TypeError, ValueError):
        return False


def _printable(text: str) -> str:
    plain = "".join(char if char.isprintable() else "\ufffd" for char in text)
    return plain if len(plain) <= _TEXT_CHARS_MAX else f"{plain[:_TEXT_CHARS_MAX]}…"


def _refuse(file: str, message: str, write: str) -> DeclarationRefused:
    return DeclarationRefused([Finding(file=file, line=0, column=0, message=message, write=write)])
