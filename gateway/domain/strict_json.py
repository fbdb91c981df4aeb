"""One strict scan: a document that passes means the same to OPA, to the host and to us.

1. Refused: invalid UTF-8, a byte-order mark, duplicate keys (also under case folding), lone surrogates, NUL, depth over 32,
   numbers beyond ±2^53, digits that a double does not keep, a zero with a sign, exponents beyond ±30, NaN and infinities,
   anything after the value.
2. The bytes are never re-encoded; whoever needs the document gets the very bytes that were scanned.
3. Source of each rule: parsers that disagree (Go folds case, OPA takes the last duplicate, some turn long integers into floats, OPA keeps digits that
   others lose, JavaScript keeps the sign of -0). `tests/simulation/parsing` asks them all.
"""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeVar

from gateway.domain.limits import JSON_DEPTH_MAX, JSON_INTEGER_MAX

Number = TypeVar("Number", int, float)

_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # gives nothing back, and takes a string without an end too: never looked at twice
_BRACKET: Final = re.compile(rb"[\[\]{}]")
_DIGITS_MAX: Final = 17
_EXPONENT_MAX: Final = 30
_NUMBER_CHARS_MAX: Final = 40


@dataclass(frozen=True, slots=True)
class NotStrict:
    """Why the bytes are no strict JSON; `where` says the offset, key or number, at most 80 characters."""

    why: str
    where: str


class _Refuse(ValueError):
    def __init__(self, why: str, where: str = "") -> None:
        super().__init__(why)
        self.finding = NotStrict(why, where[:80])


def scan(document: bytes) -> object | NotStrict:
    """Returns the parsed value, or why it is refused. Callers bound the size first. Linear in the length."""
    try:
        text = document.decode("utf-8")
        _bound_depth(document)
        value: object = _DECODER.decode(text)
    except UnicodeDecodeError as wrong:
        return NotStrict("not UTF-8", f"byte {wrong.start}")
    except _Refuse as wrong:
        return wrong.finding
    except json.JSONDecodeError as wrong:
        return NotStrict("not JSON", f"{wrong.msg}, byte offset about {wrong.pos}")
    if "\\u" in text or "\x00" in text:
        return _check_strings(value)
    return value


def _bound_depth(document: bytes) -> None:
    if document.count(b"[") + document.count(b"{") <= JSON_DEPTH_MAX:
        return  # no depth without that many
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", document)):
        depth += 1 if bracket in b"[{" else -1
        if depth > JSON_DEPTH_MAX:
            raise _Refuse("nested too deep", f"more than {JSON_DEPTH_MAX} levels")


def _check_strings(value: object) -> object | NotStrict:
    """Escapes can spell what raw UTF-8 cannot: NUL and lone surrogates."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            if "\x00" in item:
                return NotStrict("NUL in a string", "")
            if any("\ud800" <= char <= "\udfff" for char in item):
                return NotStrict("lone surrogate in a string", "")
        elif isinstance(item, dict):
            pending += item
            pending += item.values()
        elif isinstance(item, list):
            pending += item
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs) or len({key.casefold() for key in made}) != len(made):
        raise _Refuse("duplicate key", _twin([key for key, _ in pairs]))
    return made


def _twin(keys: list[str]) -> str:
    seen: set[str] = set()
    for key in keys:
        if key.casefold() in seen:
            return key
        seen.add(key.casefold())
    return ""


def _integer(digits: str) -> int:
    if len(digits) > _NUMBER_CHARS_MAX or abs(value := int(digits)) > JSON_INTEGER_MAX:
        raise _Refuse("integer beyond ±2^53", digits)
    return _signed(value, digits)


def _float(digits: str) -> float:
    mantissa, _, exponent = digits.lower().partition("e")
    significant = mantissa.lstrip("-").replace(".", "").strip("0")
    if len(digits) > _NUMBER_CHARS_MAX or len(significant) > _DIGITS_MAX:
        raise _Refuse("number with too many digits", digits)
    if len(exponent) > 4 or abs(int(exponent or 0)) > _EXPONENT_MAX:
        raise _Refuse("exponent out of bounds", digits)
    if abs(value := float(digits)) > JSON_INTEGER_MAX:
        raise _Refuse("number beyond ±2^53", digits)
    if Decimal(digits) != Decimal(repr(value)):
        raise _Refuse("number with digits that a double does not keep", digits)
    return _signed(value, digits)


def _signed(value: Number, digits: str) -> Number:
    if not value and digits.startswith("-"):
        raise _Refuse("zero with a sign", digits)
    return value


def _constant(name: str) -> object:
    raise _Refuse("not a JSON number", name)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant)
