"""The heap on disk gives back what the one in memory would, and says when there is no room for it."""

from collections.abc import Iterator

import pytest

from gateway.adapters.store.heap import DiskHeap
from gateway.domain.faults import StoreFault
from gateway.domain.heap import MemoryHeap, by_subject

SUBJECTS = ("", "a", "a\x1f", "aa", "A", "é", "\U0001f40d", "1", "01")


@pytest.fixture
def heap() -> Iterator[DiskHeap]:
    made = DiskHeap()
    yield made
    made.close()


def test_lines_come_by_subject_in_the_order_they_were_put(heap: DiskHeap) -> None:
    """More of them than are written together, of subjects that a careless order would mix."""
    memory = MemoryHeap()
    for number in range(5_001):
        for one in (heap, memory):
            one.put(SUBJECTS[number * number % 83 % len(SUBJECTS)], str(number))

    found = [(subject, [*words]) for subject, words in by_subject(heap)]

    assert found == [(subject, [*words]) for subject, words in by_subject(memory)]
    assert len(found) == len(SUBJECTS)


def test_no_room_is_a_fault_of_the_store(heap: DiskHeap) -> None:
    """Whoever checks a store is told, rather than shown less than there is."""
    heap._connection.pragma("max_page_count", 8)

    def fill() -> None:
        for number in range(100_000):
            heap.put(f"subject {number}", "words")

    with pytest.raises(StoreFault, match="put sums aside"):
        fill()
