"""What a kept transcript hides: the values the boundary points at, and what looks like a person's or a secret wherever it stands.

1. A value is hidden in every form it can have taken on its way: as it is, and escaped once or twice into JSON.
2. Addresses of mail, long runs of digits (cards, phones, accounts) and long tokens are hidden whether or not anybody pointed at them.
3. Every pattern begins where a word begins, so that no text, however made, takes more than a small multiple of its length to look through.
4. It hides too much rather than too little. It is no proof that nothing personal is left: whoever keeps transcripts keeps them closed.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gateway.domain.pointer import Absent, read

HIDDEN: Final = "[hidden]"
_LOOKS: Final = (
    re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
    re.compile(r"(?<![\w.])\d(?:[ ./-]?\d){11,30}(?!\w)"),
    re.compile(r"(?<!\w)\+\d(?:[ ./()-]{0,2}\d){6,16}(?!\w)"),
    re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{8,}"),
    re.compile(r"(?<![\w-])(?=[\w-]{0,200}\d)(?=[\w-]{0,200}[A-Za-z])[A-Za-z0-9_-]{32,200}(?![\w-])"),
)
_BOUNDARY: Final = r"(?<!\w){}(?!\w)"


def hidden_values(context: Mapping[str, object], pointers: Sequence[str]) -> tuple[str, ...]:
    """Every scalar at and beneath the pointers, as text."""
    found = (read(context, pointer) for pointer in pointers)
    return tuple(text for value in found if not isinstance(value, Absent) for text in _scalars(value))


def redacted(text: str, hidden: Sequence[str]) -> str:
    forms = {form for value in hidden for form in _forms(value)}
    for form in sorted(forms, key=len, reverse=True):
        text = re.sub(_BOUNDARY.format(re.escape(form)), HIDDEN, text)
    for look in _LOOKS:
        text = look.sub(HIDDEN, text)
    return text


def _scalars(value: object) -> Iterator[str]:
    match value:
        case str():
            if value.strip():
                yield value
        case bool() | None:
            return
        case int() | float():
            yield json.dumps(value)
        case Mapping():
            for inner in value.values():
                yield from _scalars(inner)
        case list():
            for inner in value:
                yield from _scalars(inner)
        case _:
            return


def _forms(value: str) -> Iterator[str]:
    forms = {value}
    for _ in range(2):
        forms |= {json.dumps(one, ensure_ascii=ascii_only)[1:-1] for one in forms for ascii_only in (True, False)}
        forms |= {one.replace("<", "\\u003c") for one in forms}
    yield from forms
