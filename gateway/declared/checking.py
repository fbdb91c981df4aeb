"""Marked data through a model: the value, or every finding with its place and what to write.

1. Checked as JSON in pydantic's strict mode, so that enums, lists and dates are read and nothing is coerced.
2. What to write comes from the model itself: names by likeness, examples and descriptions of its fields.
"""

import json
import re
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gateway.declared.findings import DeclarationRefused, Finding, nearest, seen
from gateway.declared.yaml_marks import Marked, Path

Model = TypeVar("Model", bound=BaseModel)

_FINDINGS_MAX: Final = 50
_QUOTED: Final = re.compile(r"'([^']*)'")
_EXPECTED: Final[Mapping[str, str]] = {
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "string_type": "expected text",
    "bool_type": "expected true or false",
    "model_type": "expected a mapping",
    "dict_type": "expected a mapping",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "greater_than_equal": "expected at least {ge}",
    "greater_than": "expected more than {gt}",
    "less_than_equal": "expected at most {le}",
    "string_too_short": "expected at least {min_length} character(s)",
    "string_too_long": "expected at most {max_length} characters",
    "too_short": "expected at least {min_length}",
    "too_long": "expected at most {max_length}",
    "string_pattern_mismatch": "expected what matches {pattern}",
    "enum": "expected {expected}",
    "literal_error": "expected {expected}",
    "date_parsing": "expected a date like 2026-11-01",
    "date_from_datetime_parsing": "expected a date like 2026-11-01",
}
# of these the sentence alone speaks: what was seen may be a secret that stands in the wrong place, or is said already
_UNSEEN: Final = frozenset({"declared", "extra_forbidden", "missing"})


def check(model: type[Model], marked: Marked, *, context: Mapping[str, object]) -> Model:
    """`context` is handed to the validators. Raises `DeclarationRefused`."""
    if not isinstance(marked.data, dict):
        expected = ", ".join(_written_names(model))
        raise DeclarationRefused([marked.finding((), f"expected a mapping, seen {seen(marked.data)}", f"Write the parts it has: {expected}.")])
    try:
        return model.model_validate_json(json.dumps(marked.data), context=dict(context))
    except ValidationError as refused:
        errors = refused.errors(include_url=False)
    findings = [_finding(model, marked, error) for error in _telling(errors)]
    raise DeclarationRefused(sorted(findings, key=lambda one: (one.line, one.column))[:_FINDINGS_MAX])


def _telling(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the count of a list or mapping whose members are wrong already: pydantic counts only the right ones."""
    places = [error["loc"] for error in errors]
    return [
        error
        for error in errors
        if error["type"] not in {"too_short", "too_long"} or not any(place[: len(error["loc"])] == error["loc"] and place != error["loc"] for place in places)
    ]


def _finding(model: type[BaseModel], marked: Marked, error: ErrorDetails) -> Finding:
    kind, context = error["type"], error.get("ctx", {})
    walked = _Walk(model, error["loc"])
    path = (*walked.path, *context.get("at", ()))
    shown = ".".join(str(part) for part in path)
    if kind == "extra_forbidden":
        unknown = str(path[-1])
        return marked.finding(path, f'unknown key "{unknown[:64]}"{_inside(path[:-1])}', nearest(unknown, walked.names), at_key=True)
    if kind == "missing":
        message = f'"{path[-1]}" is missing{_inside(path[:-1])}'
        return marked.finding(path[:-1], message, _advice(walked.field, str(path[-1])), at_key=True)
    sentence = _EXPECTED[kind].format(**context) if kind in _EXPECTED else error["msg"].removeprefix("Value error, ")
    spoken = "" if kind in _UNSEEN else f", seen {seen(error['input'])}"
    write = str(context["write"]) if kind == "declared" else _likely(error) or _advice(walked.field, str(path[-1]) if path else "")
    return marked.finding(path, f"{shown}: {sentence}{spoken}" if shown else f"{sentence}{spoken}", write, at_key=walked.at_key)


def _inside(path: Path) -> str:
    return f" in {'.'.join(str(part) for part in path)}" if path else ""


def _likely(error: ErrorDetails) -> str:
    """For a closed list: the member that was probably meant."""
    known = _QUOTED.findall(str(error.get("ctx", {}).get("expected", "")))
    return nearest(error["input"], known) if known and isinstance(error["input"], str) else ""


def _advice(field: FieldInfo | None, key: str) -> str:
    """From the field's own example and description."""
    if field is None:
        return ""
    example = f"Write {key}: {json.dumps(field.examples[0]) if not isinstance(field.examples[0], str) else field.examples[0]}" if field.examples else ""
    description = (field.description or "").strip().rstrip(".")
    match bool(example), bool(description):
        case True, True:
            return f"{example} ({description})."
        case False, True:
            return f"{description[:1].upper()}{description[1:]}."
        case _:
            return f"{example}." if example else ""


class _Walk:
    """Follows an error's location through the model: the path in the file, the field there, and the names its model knows."""

    def __init__(self, model: type[BaseModel], location: tuple[str | int, ...]) -> None:
        here: list[object] = [model]
        path: list[str | int] = []
        self.at_key = bool(location) and location[-1] == "[key]"
        self.field: FieldInfo | None = None
        self.names: list[str] = []
        for part in location[: len(location) - self.at_key]:
            steps = [step for kind in here for step in _step(kind, part)]
            models = [kind for kind in here if isinstance(kind, type) and issubclass(kind, BaseModel)]
            if not steps and not models:
                continue  # a tag pydantic adds for a union: it is not in the file
            path.append(part)
            self.names = [name for kind in models for name in _written_names(kind)]
            self.field = next((field for _, field in steps if field is not None), self.field if not models else None)
            here = [kind for step, _ in steps for kind in _unwrapped(step)]
        self.path: Path = tuple(path)


def _written_names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _step(kind: object, part: str | int) -> Iterator[tuple[object, FieldInfo | None]]:
    """The annotations one step below `kind`."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if (field.alias or name) == part:
                yield field.annotation, field
    elif get_origin(kind) in {dict, Mapping}:
        yield get_args(kind)[1], None
    elif get_origin(kind) in {tuple, list} and isinstance(part, int):
        yield get_args(kind)[0], None


def _unwrapped(annotation: object) -> Iterator[object]:
    """Without Annotated, unions taken apart."""
    if get_origin(annotation) is Annotated:
        yield from _unwrapped(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, types.UnionType}:
        for one in get_args(annotation):
            yield from _unwrapped(one)
    else:
        yield annotation
