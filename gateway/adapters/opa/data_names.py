"""The names that a tenant's data takes from the boundary, found by what the data's own schema says of them.

1. A schema says it with `x-names: <kind>`, at a string or at `propertyNames`; the default bundle's does. What no schema says is nobody's name.
2. A key that is a name gives its name to what stands under it: the steps of a workflow are under that workflow.
3. Where `anyOf` offers a constant, that constant is no name: "*" stands for every option.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_KIND: Final = "x-names"
_HOPS_MAX: Final = 16
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NameAt:
    """A name, and the path to it in its document; `at_key`: it is the last key of the path, not the value there."""

    kind: str
    name: str
    within: Mapping[str, str]
    path: Path
    at_key: bool


def names(schema: Mapping[str, Any], document: object) -> Iterator[NameAt]:
    """In the order of the document. What does not fit the schema is passed over: that is somebody else's finding."""
    yield from _Walk(schema).value(schema, document, (), {})


class _Walk:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def value(self, schema: object, value: object, path: Path, within: Mapping[str, str]) -> Iterator[NameAt]:
        rule = self._resolved(schema)
        if isinstance(value, str) and (kind := _kind(rule, value)):
            yield NameAt(kind=kind, name=value, within=within, path=path, at_key=False)
        elif isinstance(value, dict):
            yield from self._members(rule, value, path, within)
        elif isinstance(value, list):
            for place, item in enumerate(value):
                yield from self.value(rule.get("items"), item, (*path, place), within)

    def _members(self, rule: Mapping[str, Any], value: Mapping[str, object], path: Path, within: Mapping[str, str]) -> Iterator[NameAt]:
        of_keys, declared = self._resolved(rule.get("propertyNames")), rule.get("properties", {})
        for key, member in value.items():
            kind, below = _kind(of_keys, key), within
            if kind:
                yield NameAt(kind=kind, name=key, within=within, path=(*path, key), at_key=True)
                below = {**within, kind: key}
            yield from self.value(declared.get(key, rule.get("additionalProperties")), member, (*path, key), below)

    def _resolved(self, schema: object) -> Mapping[str, Any]:
        """The rule with what its `$ref` leads to inside the same document; nearer words win."""
        rule: dict[str, Any] = dict(schema) if isinstance(schema, dict) else {}
        for _ in range(_HOPS_MAX):
            reference = rule.pop("$ref", None)
            if not isinstance(reference, str):
                return rule
            rule = {**self._at(reference), **rule}
        return {}

    def _at(self, reference: str) -> Mapping[str, Any]:
        found: object = self._root if reference.startswith("#/") else None
        for part in reference.removeprefix("#/").split("/"):
            found = found.get(part) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}


def _kind(rule: Mapping[str, Any], name: str) -> str:
    """The kind of name that `name` is here, "" for none."""
    constants = [offered["const"] for offered in _sequence(rule.get("anyOf")) if isinstance(offered, dict) and "const" in offered]
    kind = rule.get(_KIND, "")
    return kind if isinstance(kind, str) and name not in constants else ""


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
