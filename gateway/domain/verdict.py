"""What Rego answered, read strictly: whatever is not exactly a verdict is malformed, and malformed is denied.

1. A verdict is an object of exactly `allow` (boolean) and `reasons` (array); nothing is guessed from a bare boolean or a misspelt key.
2. `allow: true` comes without reasons, `allow: false` with at least one: a verdict that contradicts itself is no verdict.
3. A reason is `{code, detail}`, `detail` optional; the code is one the bundle declares. Number and lengths are bounded.
4. `detail` may speak of payload values: it is stored apart and never enters the log's leaf. `VerdictMalformed` never carries a value of a detail.
"""

import re
from dataclasses import dataclass
from typing import Final

CODES_MAX: Final = 16
CODE_CHARS_MAX: Final = 64
DETAIL_CHARS_MAX: Final = 200
_SEEN_CHARS_MAX: Final = 80
_CODE: Final = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCode:
    """One reason of a policy. `detail` is "" when the policy gave none."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`codes` is empty exactly when `allow` is true; their order is the bundle's."""

    allow: bool
    codes: tuple[PolicyCode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictMalformed:
    """Where the document stops being a verdict (`path`, as in `reasons[0].code`, "" for the whole) and what was there (`seen`, bounded)."""

    path: str
    seen: str


class _Malformed(ValueError):
    def __init__(self, path: str, seen: str) -> None:
        super().__init__(path)
        self.finding = VerdictMalformed(path=path, seen=_CONTROL.sub("?", seen)[:_SEEN_CHARS_MAX])


def is_code(text: str) -> bool:
    """True for upper snake case of at most 64 characters: what a bundle may declare as a code."""
    return len(text) <= CODE_CHARS_MAX and _CODE.fullmatch(text) is not None


def read_verdict(document: object, *, declared: frozenset[str]) -> Verdict | VerdictMalformed:
    """`document` is parsed JSON from the engine, `declared` the codes of the bundle that was asked. Never raises."""
    try:
        return _verdict(document, declared)
    except _Malformed as wrong:
        return wrong.finding


def _verdict(document: object, declared: frozenset[str]) -> Verdict:
    fields = _fields(document, path="", required=frozenset({"allow", "reasons"}), optional=frozenset())
    allow, reasons = fields["allow"], fields["reasons"]
    if not isinstance(allow, bool):
        raise _Malformed("allow", _kind(allow))
    if not isinstance(reasons, list):
        raise _Malformed("reasons", _kind(reasons))
    if allow and reasons:
        raise _Malformed("reasons", f"{len(reasons)} reasons beside allow: true")
    if not allow and not reasons:
        raise _Malformed("reasons", "no reason beside allow: false")
    if len(reasons) > CODES_MAX:
        raise _Malformed("reasons", f"{len(reasons)} reasons, at most {CODES_MAX}")
    return Verdict(allow=allow, codes=tuple(_code(reason, f"reasons[{place}]", declared) for place, reason in enumerate(reasons)))


def _code(reason: object, path: str, declared: frozenset[str]) -> PolicyCode:
    fields = _fields(reason, path=path, required=frozenset({"code"}), optional=frozenset({"detail"}))
    code, detail = fields["code"], fields.get("detail", "")
    if not isinstance(code, str):
        raise _Malformed(f"{path}.code", _kind(code))
    if not is_code(code):
        raise _Malformed(f"{path}.code", "a string that is no code: upper snake case, at most 64 characters")
    if code not in declared:
        raise _Malformed(f"{path}.code", f"{code}, which the bundle does not declare")
    if not isinstance(detail, str):
        raise _Malformed(f"{path}.detail", _kind(detail))
    if len(detail) > DETAIL_CHARS_MAX:
        raise _Malformed(f"{path}.detail", f"{len(detail)} characters, at most {DETAIL_CHARS_MAX}")
    if _CONTROL.search(detail):
        raise _Malformed(f"{path}.detail", "a control character")
    return PolicyCode(code=code, detail=detail)


def _fields(value: object, *, path: str, required: frozenset[str], optional: frozenset[str]) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _Malformed(path, _kind(value))
    for name in value:
        if name not in required | optional:
            raise _Malformed(path, f"the key {name!r}")
    for name in sorted(required - value.keys()):
        raise _Malformed(path, f"no {name}")
    return value


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return type(value).__name__
