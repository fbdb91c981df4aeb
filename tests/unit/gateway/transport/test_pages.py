"""Pages by bytes: full to the last message that fits, and never empty while something is left."""

from collections.abc import Iterator

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from countersign.v1 import operator_pb2, types_pb2
from gateway.domain.limits import WIRE_BYTES_MAX
from gateway.transport.codec.pages import fill

HALF = WIRE_BYTES_MAX // 2


def sized(*sizes: int) -> list[tuple[int, BytesValue]]:
    """Messages of about so many bytes, at the places 10, 20, …"""
    return [(10 * number, BytesValue(value=bytes(size))) for number, size in enumerate(sizes, 1)]


@pytest.mark.parametrize(
    ("sizes", "after", "count", "token"),
    [
        ((), 0, 0, ""), ((1, 1), 0, 2, ""), ((1, 1), 20, 2, "20"), ((HALF, HALF - 200), 0, 2, ""), ((HALF, HALF), 0, 1, "10"),
        ((HALF, HALF, 1), 30, 1, "10"), ((2 * WIRE_BYTES_MAX, 1), 0, 1, "10"), ((1, 2 * WIRE_BYTES_MAX), 20, 1, "10"), ((2 * WIRE_BYTES_MAX,), 0, 1, ""),
    ],
)  # fmt: skip
def test_a_page_takes_what_fits_and_says_where_the_next_begins(sizes: tuple[int, ...], after: int, count: int, token: str) -> None:
    """A message that fits nowhere is a page of its own."""
    page, said = fill(sized(*sizes), after=after, beside=None)

    assert (len(page), said) == (count, token)


def test_what_else_the_answer_holds_is_counted() -> None:
    """Beside half a page of something there is room for half a page."""
    beside = BytesValue(value=bytes(HALF))

    assert [len(fill(sized(HALF - 200, 1), after=0, beside=of)[0]) for of in (None, beside)] == [2, 2]
    assert [len(fill(sized(HALF, 1), after=0, beside=of)[0]) for of in (None, beside)] == [2, 1]


def test_the_answer_as_it_is_encoded_fits_the_wire() -> None:
    """Frames, token and all, at every size of what is listed."""
    for length in (1, 100, 127, 128, 5_000, 16_383, 16_384, 70_000):
        commits = ((10**18 - place, types_pb2.Commit(host_response=bytes(length))) for place in range(WIRE_BYTES_MAX))

        page, token = fill(commits, after=7, beside=None)
        answer = operator_pb2.ListCommitsResponse(commits=page, next_page_token=token)

        assert WIRE_BYTES_MAX - length - 200 - 6 * len(page) < answer.ByteSize() <= WIRE_BYTES_MAX


def test_nothing_is_made_that_does_not_fit() -> None:
    """The one that did not fit is the last that was made."""
    made = []

    def one_by_one() -> Iterator[tuple[int, BytesValue]]:
        for place, message in sized(*(HALF,) * 5):
            made.append(place)
            yield place, message

    fill(one_by_one(), after=0, beside=None)

    assert made == [10, 20]
