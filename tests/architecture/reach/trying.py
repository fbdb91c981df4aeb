"""Trying what can be made, and telling what was found by a process of its own."""

import sys
from collections.abc import Callable, Iterable
from typing import Final

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "QUERY", "")
READS: Final = frozenset({"GET", "HEAD"})


def taken(make: Callable[[], object]) -> bool:
    """Whether it can be made. A refusal is a ValueError, as pydantic's is."""
    try:
        make()
    except ValueError:
        return False
    return True


def tell(complaints: Iterable[str]) -> None:
    """One line each on standard output, and the process's end: 1 when there is one."""
    found = list(complaints)
    sys.stdout.write("".join(f"{one}\n" for one in found))
    sys.exit(1 if found else 0)
