"""The two files people write, as reference pages and as JSON Schemas for editors, drawn from the models that read them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from gateway.adapters.activation import shape
from gateway.cli.pages_of_law import law_of, table
from gateway.config import Settings, listeners, loading, reachable, targets, tools
from gateway.declared import kinds

_DURATION: Final = "(ms|s|m|h|d)$"
_REF: Final = "#/$defs/"
_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"))
Document = Mapping[str, Any]


def settings() -> str:
    """The settings reference."""
    laws = "\n\n".join(
        f"## {title}\n\n{law_of(module)}"
        for title, module in (
            ("File and environment", loading),
            ("Listeners", listeners),
            ("Addresses and models", reachable),
            ("Hosts", targets),
            ("Tools", tools),
        )
    )
    intro = "# Settings\n\nOne YAML file, `countersign serve --settings FILE`, and the environment. An unknown setting refuses to start.\n\n"
    return f"{intro}{laws}\n\n## Reference\n\n{kinds_law()}\n{_reference(Settings)}"


def boundary() -> str:
    """The boundary reference."""
    intro = "# boundary.yaml\n\nWhat is deterministic, what an agent may decide, which writes exist. An unknown key refuses the activation.\n\n"
    return f"{intro}{law_of(shape)}\n\n## Reference\n\n{kinds_law()}\n{_reference(shape.Boundary)}"


def kinds_law() -> str:
    return f"{law_of(kinds)}\n"


def settings_schema() -> str:
    return _schema(Settings, "Settings of a Countersign gateway")


def boundary_schema() -> str:
    return _schema(shape.Boundary, "boundary.yaml of a Countersign activation")


def _schema(model: type[BaseModel], title: str) -> str:
    drawn = _written(model.model_json_schema(by_alias=True))
    assert isinstance(drawn, dict)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return json.dumps(head | {key: value for key, value in drawn.items() if key != "title"}, indent=2, ensure_ascii=False) + "\n"


def _written(here: object) -> object:
    """As a person writes it: durations with their unit, and no titles made of field names."""
    if isinstance(here, list):
        return [_written(one) for one in here]
    if not isinstance(here, dict):
        return here
    kept = {key: _written(value) for key, value in here.items() if not (key == "title" and isinstance(value, str))}
    default = kept.get("default")
    if str(kept.get("pattern", "")).endswith(_DURATION) and isinstance(default, int):
        kept["default"] = duration(default)
    return kept


def duration(milliseconds: int) -> str:
    """`600000` to `10m`: the largest unit that says it whole."""
    for size, unit in _UNITS:
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def _reference(model: type[BaseModel]) -> str:
    schema = model.model_json_schema(by_alias=True)
    return "".join(_sections(schema, schema.get("$defs", {}), ""))


def _sections(here: Document, parts: Document, path: str) -> Iterator[str]:
    """One table for a mapping, and one for each mapping inside it, by path."""
    required = here.get("required", ())
    below: list[tuple[str, Document]] = []
    rows = []
    for name, member in here["properties"].items():
        kind, inner, suffix = _kind(member, parts)
        if inner is not None:
            below.append((f"{path}.{name}{suffix}".removeprefix("."), inner))
        rows.append((f"`{name}`", kind, "required" if name in required else _default(member), member.get("description", ""), _example(member)))
    title = f"\n### `{path}`\n\n" if path else "\n### The file\n\n"
    said = f"{here['description'].splitlines()[0]}\n\n" if here.get("description") else ""
    yield title + said + table(("key", "kind", "default", "what", "example"), rows)
    for inside, inner in below:
        yield from _sections(inner, parts, inside)


def _kind(member: Document, parts: Document) -> tuple[str, Document | None, str]:
    """What is written there; the mapping inside it, if it has one; and how the path goes on."""
    said = _resolved(member, parts)
    choices = [one for one in said.get("anyOf", ()) if one.get("type") != "null"]
    if choices:
        return _kind(choices[0], parts)
    if "enum" in said or "const" in said:
        return " or ".join(f"`{value}`" for value in said.get("enum", [said.get("const")])), None, ""
    match said.get("type"):
        case "object" if "properties" in said:
            return "mapping", said, ""
        case "object":
            inner = next(iter(said.get("patternProperties", {}).values()), said.get("additionalProperties"))
            kind, below, suffix = _kind(inner, parts) if isinstance(inner, dict) else ("text", None, "")
            return f"mapping of {kind}", below, f".<name>{suffix}"
        case "array":
            kind, below, suffix = _kind(said["items"], parts)
            return f"list of {kind}", below, f"[]{suffix}"
        case "string" if str(said.get("pattern", "")).endswith(_DURATION):
            return "duration", None, ""
        case "string" if said.get("format") == "date":
            return "date", None, ""
        case other:
            return {"string": "text", "integer": "whole number", "boolean": "true or false"}[str(other)] + _bounds(said), None, ""


def _bounds(said: Document) -> str:
    least, most = said.get("minimum"), said.get("maximum")
    match least, most:
        case None, None:
            return ""
        case _, None:
            return f", at least {least:,}"
        case None, _:
            return f", at most {most:,}"
        case _:
            return f", {least:,} to {most:,}"


def _resolved(member: Document, parts: Document) -> Document:
    reference = member.get("$ref")
    found: Document = parts[reference.removeprefix(_REF)] if reference else member
    return found


def _default(member: Document) -> str:
    value = member.get("default")
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, dict):
        return "as below"
    if isinstance(value, int) and not isinstance(value, bool) and str(member.get("pattern", "")).endswith(_DURATION):
        return f"`{duration(value)}`"
    return f"`{json.dumps(value) if not isinstance(value, str) else value}`"


def _example(member: Document) -> str:
    examples = member.get("examples")
    if not examples:
        return ""
    value = examples[0]
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"
