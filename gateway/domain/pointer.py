"""JSON Pointer (RFC 6901) over a scanned document: read only, no wildcards, no "-"."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing is there; `at` is the longest prefix that exists."""

    at: str


def well_formed(pointer: str) -> bool:
    """A pointer into an object or array: starts with "/", and "~" only as "~0" or "~1"."""
    return pointer.startswith("/") and all(part[:1] in {"0", "1"} for part in pointer.split("~")[1:])


def read(document: object, pointer: str) -> object | Absent:
    """Returns the value at `pointer`, or `Absent`."""
    at, here = "", document
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict) and name in here:
            here = here[name]
        elif isinstance(here, list) and name.isascii() and name.isdigit() and str(int(name)) == name and int(name) < len(here):
            here = here[int(name)]
        else:
            return Absent(at or "/")
        at += f"/{token}"
    return here
