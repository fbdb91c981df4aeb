"""What a parser made of a document, as one line of ASCII: the same for every parser that read the same, whatever its language.

n, t, f; a number as # and the sixteen hex digits of its IEEE 754 double, so that a lost digit or a lost sign shows; a string as ' and its UTF-8 in hex;
an array in brackets; an object in braces, each key in hex and its value, sorted; ! for a document that the parser refuses.
"""

import struct
from typing import Final

UNREAD: Final = "!"


def canonical(value: object) -> str:
    match value:
        case None:
            return "n"
        case bool():
            return "t" if value else "f"
        case int() | float():
            return "#" + struct.pack(">d", value).hex()
        case str():
            return "'" + _hex(value)
        case list():
            return "[" + ",".join(canonical(item) for item in value) + "]"
        case dict():
            return "{" + ",".join(sorted(f"{_hex(key)}:{canonical(item)}" for key, item in value.items())) + "}"
    raise AssertionError(f"JSON has no {type(value).__name__}")


def _hex(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").hex()
