"""A heap of lines for more rows than memory should hold: kept and sorted by SQLite, on disk beyond some megabytes, whatever the store.

It lies where temporary files do (`TMPDIR`), without a name, and is gone when it is closed or its process ends.
"""

from collections.abc import Iterator
from typing import Final

import apsw

from gateway.adapters.store.statements import Statements
from gateway.adapters.store.trouble import translated

HEAP: Final = Statements("heap")

_MAKE: Final = HEAP.taking("make_lines")
_PUT: Final = HEAP.taking("put_line", "subject", "words")
_TAKE: Final = HEAP.taking("lines_by_subject")
_TOGETHER: Final = 1_000
_CACHE_KIB: Final = 32 * 1024


class DiskHeap:
    """Implements `domain.heap.Heap`. Raises `StoreFault` where there is no room for it."""

    def __init__(self) -> None:
        self._connection = apsw.Connection("")
        self._put: list[tuple[str, str]] = []
        with translated("make room for sums"):
            for name, value in (("journal_mode", "OFF"), ("synchronous", "OFF"), ("cache_size", -_CACHE_KIB)):
                self._connection.pragma(name, value)
            self._connection.execute(_MAKE)
            self._connection.execute("BEGIN")

    def put(self, subject: str, words: str) -> None:
        self._put.append((subject, words))
        if len(self._put) >= _TOGETHER:
            self._write()

    def take(self) -> Iterator[tuple[str, str]]:
        self._write()
        with translated("sort sums"):
            for subject, words in self._connection.execute(_TAKE):
                yield str(subject), str(words)

    def close(self) -> None:
        self._connection.close()

    def _write(self) -> None:
        with translated("put sums aside"):
            self._connection.executemany(_PUT, self._put)
        self._put.clear()
