"""Lines put down in any order and taken up by subject: how what one row says is held against what many others say.

1. A line is a subject and some words. Lines of one subject come together, in the order in which they were put.
2. What is more than memory should hold goes to a heap that a store keeps on disk; this one keeps few.
"""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Protocol


class Heap(Protocol):
    """Put everything, then take it, once."""

    def put(self, subject: str, words: str) -> None: ...

    def take(self) -> Iterator[tuple[str, str]]:
        """(subject, words) of every line, by subject."""
        ...


class MemoryHeap:
    """Implements `Heap` for as much as memory holds."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str]] = []

    def put(self, subject: str, words: str) -> None:
        self._lines.append((subject, words))

    def take(self) -> Iterator[tuple[str, str]]:
        return iter(sorted(self._lines, key=itemgetter(0)))


def by_subject(heap: Heap) -> Iterator[tuple[str, Iterator[str]]]:
    """Each subject with its words, to be read before the next subject is asked for."""
    for subject, lines in groupby(heap.take(), key=itemgetter(0)):
        yield subject, (words for _, words in lines)
