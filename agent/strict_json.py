"""JSON from somebody who promised nothing: one way to read it, or an error that says why not.

1. Refused: duplicate keys, NaN and infinities (also by overflow), lone surrogates, bytes that are not UTF-8, nesting deeper than 32.
2. The error names the fault and never quotes the document.
"""

import json
import math
from collections.abc import Mapping
from typing import Final

DEPTH_MAX: Final = 32


class NotStrict(ValueError):
    """The document is not strict JSON; the message is fit for a person and for the model that wrote it."""


def parse(document: bytes | str) -> object:
    """The document's value (objects as dict, arrays as list), or `NotStrict`."""
    try:
        text = document.decode("utf-8") if isinstance(document, bytes) else document
        value: object = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except NotStrict:
        raise
    except UnicodeError as error:
        raise NotStrict("it is not valid Unicode") from error
    except RecursionError as error:
        raise NotStrict("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise NotStrict(f"it is not JSON: {error.msg} at character {error.pos}") from error
    except ValueError as error:
        raise NotStrict("it holds a number that cannot be read") from error
    if _depth(value) > DEPTH_MAX:
        raise NotStrict("it is nested too deeply")
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrict("an object has the same key twice")
    return found


def _no_constant(name: str) -> object:
    raise NotStrict(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotStrict("it holds a number that cannot be read")
    return number


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [child for node in level for child in _children(node)]
    return deepest


def _children(node: object) -> list[object]:
    if isinstance(node, Mapping):
        return list(node.values())
    return list(node) if isinstance(node, list) else []
