"""From declared slots to the arguments of one call, and from a template to one URL: typed, escaped, without a way out of its path.

1. A context slot reads the context by its pointer and never the model's arguments; a model slot reads nothing else.
2. A value is percent-encoded whole. In the path, no segment comes out empty, as a dot segment, or as one once a server has decoded it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from agent.tools.spec import SlotSpec, Source, ToolSpec

_BAD_SEGMENTS: Final = frozenset({"", ".", ".."})
_SEPARATORS: Final = re.compile(r"[/\\]")
_SLOT: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    url: str  # final, percent-encoded
    arguments: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Unfilled:
    why: str  # for the model and for a person; never the value


def fill(spec: ToolSpec, *, args: Mapping[str, str | int], context: Mapping[str, object]) -> Filled | Unfilled:
    """The URL of one call. `args` are the model's, exactly its slots."""
    arguments = fill_slots(spec.slots, args=args, context=context)
    if isinstance(arguments, Unfilled):
        return arguments
    path, mark, query = spec.url_template.partition("?")
    if _escapes(path, arguments):
        return Unfilled("an argument would leave its place in the path")
    return Filled(url=_written(path, arguments) + mark + _written(query, arguments), arguments=arguments)


def fill_slots(slots: Mapping[str, SlotSpec], *, args: Mapping[str, str | int], context: Mapping[str, object]) -> Mapping[str, str | int] | Unfilled:
    """The arguments of one call, in the order declared. `args` are the model's, exactly its slots."""
    models = [name for name, slot in slots.items() if slot.source is Source.MODEL]
    if args.keys() != set(models):
        return Unfilled(f"its arguments must be exactly: {', '.join(models) or 'none'}")
    arguments: dict[str, str | int] = {}
    for name, slot in slots.items():
        value = args[name] if slot.source is Source.MODEL else point(context, slot.pointer)
        complaint = slot.complaint(value)
        if complaint or not isinstance(value, str | int):
            where = f"context {slot.pointer}" if slot.source is Source.CONTEXT else f"argument {name}"
            return Unfilled(f"{where} {complaint}")
        arguments[name] = value
    return arguments


def point(document: object, pointer: str) -> object:
    """The value at an RFC 6901 pointer, or None."""
    value = document
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isascii() and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _escapes(path: str, arguments: Mapping[str, str | int]) -> bool:
    """Looks at the decoded path segment by segment, also as a server would that decodes %2F and %5C before it splits."""
    for segment in urlsplit(path).path.split("/"):
        if _SLOT.search(segment) is None:
            continue
        decoded = _SLOT.sub(lambda slot: str(arguments[slot[1]]), segment)
        if _BAD_SEGMENTS & set(_SEPARATORS.split(decoded)):
            return True
    return False


def _written(template: str, arguments: Mapping[str, str | int]) -> str:
    return _SLOT.sub(lambda slot: quote(str(arguments[slot[1]]), safe=""), template)
