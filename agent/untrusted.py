"""Text of others: how it is made fit to be shown to a model or to a person. It is never believed.

1. Data shown to a model holds no "<": it can neither close the block it stands in nor spell a chat template's special token.
   Inside JSON strings, the only place JSON allows it, the escape means the same.
2. Text shown to a person is bounded and holds no control or formatting characters (no terminal escapes, no reversed text).
"""

import unicodedata
from typing import Final

_HIDDEN: Final = {"Cc", "Cf", "Cs", "Co", "Cn"}


def as_data(text: str) -> str:
    """Whole text, fit to stand in a data block of a prompt."""
    return text.encode("utf-8", "replace").decode().replace("<", "\\u003c").replace("\x00", "\ufffd")


def as_seen(text: str, *, chars_max: int) -> str:
    """The first `chars_max` characters, each hidden one replaced by U+FFFD; nothing is trimmed, so twins stay apart."""
    return "".join("\ufffd" if unicodedata.category(c) in _HIDDEN else c for c in text[:chars_max])


def as_prose(text: str, *, chars_max: int) -> str:
    """Likewise for a sentence: runs of white space become one space first."""
    return as_seen(" ".join(text.split()), chars_max=chars_max)
