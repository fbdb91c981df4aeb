"""The reader of answers, byte by byte: how the bytes are cut never matters, and nothing makes it raise."""

import itertools
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.hosts.answer import HEAD_BYTES_MAX, INTERIM_MAX, TAKEN_BYTES_MAX, AnswerReader
from gateway.domain.host_answer import HttpReply, Silent
from tests.fakes.raw_host import BEHAVIOURS, reply

CAP: Final = 64


def _read(parts: list[bytes], *, clean: bool = True) -> tuple[HttpReply | Silent, bool]:
    """What a link would do: feed until something is seen, then the stream ends."""
    reader = AnswerReader()
    reader.begin(body_bytes_max=CAP)
    for part in parts:
        seen = reader.feed(part)
        if seen is not None:
            return seen, reader.reusable
    return reader.cut("the end", clean=clean), reader.reusable


def _is_cut(sent: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted({position % (len(sent) + 1) for position in at}), len(sent)]
    return [sent[start:end] for start, end in itertools.pairwise(edges) if end > start]


@pytest.mark.parametrize("name", [name for name, script in BEHAVIOURS.items() if script.send])
def test_how_the_bytes_are_cut_does_not_matter(name: str) -> None:
    """Whole, in halves at every place, and one by one: the same observation; only surplus may be seen later, by the link."""
    sent = BEHAVIOURS[name].send[:2_000]
    whole, _ = _read([sent])

    assert whole == _read([sent[at : at + 1] for at in range(len(sent))])[0]
    assert all(whole == _read([sent[:at], sent[at:]])[0] for at in range(1, len(sent)))


@given(st.sampled_from([script.send for script in BEHAVIOURS.values() if script.send]), st.lists(st.integers(0, 4_000), max_size=6), st.booleans())
def test_any_cut_of_any_behaviour(sent: bytes, at: list[int], clean: bool) -> None:  # noqa: FBT001 - given by hypothesis
    """A reply carries no more than the cap, and comes only after a complete header."""
    seen, _ = _read(_is_cut(sent[:4_000], at), clean=clean)

    assert isinstance(seen, Silent) or (b"\r\n\r\n" in sent and 200 <= seen.status <= 599 and len(seen.body) <= CAP)


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=5))
def test_noise_is_silence(parts: list[bytes]) -> None:
    """Random bytes never become a reply, a reusable connection or an exception."""
    seen, reusable = _read(parts)

    assert isinstance(seen, Silent)
    assert not reusable


@given(st.binary(max_size=300), st.integers(0, 300))
def test_noise_inside_an_answer(noise: bytes, at: int) -> None:
    """Bytes pushed into a good answer give a reply or silence, and never a connection to keep unless the answer still ended where it said."""
    good = reply(201)
    seen, reusable = _read([good[:at] + noise + good[at:]])

    assert isinstance(seen, HttpReply | Silent)
    assert not (reusable and isinstance(seen, Silent))


@pytest.mark.parametrize(
    ("sent", "reusable"),
    [
        (reply(200), True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (BEHAVIOURS["ok_chunked"].send, True),
        (BEHAVIOURS["ok_after_100"].send, True),
        (reply(200, b"{}", "Connection: close"), False),
        (reply(200).replace(b"1.1", b"1.0"), False),
        (reply(200) + b"H", False),
        (reply(200) + b"\x00", False),
        (b"HTTP/1.1 200 OK\r\n\r\n", False),
    ],
)
def test_which_connections_may_be_kept(sent: bytes, reusable: bool) -> None:  # noqa: FBT001 - parametrised
    """Only after an answer that ended where its framing said, with nothing behind it."""
    seen, kept = _read([sent])

    assert isinstance(seen, HttpReply)
    assert reusable is kept


def test_the_head_is_bounded_to_the_byte() -> None:
    """The last byte that fits is taken, one more is not; the body behind it does not count."""
    start, end = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-Fill: ", b"\r\n\r\n"
    room = HEAD_BYTES_MAX - len(start) - len(end)

    fits, _ = _read([start + b"x" * room + end + b"{}"])
    over, _ = _read([start + b"x" * (room + 1) + end + b"{}"])

    assert fits == HttpReply(status=201, body=b"{}", body_truncated=False, content_type="")
    assert isinstance(over, Silent)


def test_interim_answers_are_bounded() -> None:
    """As many as the bound are skipped, one more is silence; 101 is silence at once."""
    interim = b"HTTP/1.1 103 Early Hints\r\nContent-Type: text/css\r\n\r\n"

    assert isinstance(_read([interim * INTERIM_MAX + reply(201)])[0], HttpReply)
    assert isinstance(_read([interim * (INTERIM_MAX + 1) + reply(201)])[0], Silent)


def test_an_interim_answer_leaves_nothing_behind() -> None:
    """Its content type is not the final answer's."""
    seen, _ = _read([b"HTTP/1.1 103 Early Hints\r\nContent-Type: text/css\r\nTransfer-Encoding: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nall"])

    assert seen == HttpReply(status=200, body=b"all", body_truncated=False, content_type="")


def test_a_trailer_changes_nothing() -> None:
    """A content type after the body is none."""
    seen, _ = _read([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Type: text/html\r\n\r\n"])

    assert seen == HttpReply(status=200, body=b"{}", body_truncated=False, content_type="")


def test_what_is_taken_in_all_is_bounded() -> None:
    """A body without end is given up, as truncated, once the bound is passed."""
    reader = AnswerReader()
    reader.begin(body_bytes_max=CAP)
    taken, part = 0, b"x" * 65_536
    seen = reader.feed(b"HTTP/1.1 200 OK\r\n\r\n")
    while seen is None and taken < 2 * TAKEN_BYTES_MAX:
        taken += len(part)
        seen = reader.feed(part)

    assert seen == HttpReply(status=200, body=b"x" * CAP, body_truncated=True, content_type="")
    assert taken <= TAKEN_BYTES_MAX + len(part)
    assert not reader.reusable


@pytest.mark.parametrize(("body", "truncated"), [(CAP - 1, False), (CAP, False), (CAP + 1, True)])
def test_the_stored_body_is_bounded_to_the_byte(body: int, truncated: bool) -> None:  # noqa: FBT001 - parametrised
    """Read to its end and kept alive, also when it is not stored in full."""
    seen, reusable = _read([reply(200, b"b" * body)])

    assert seen == HttpReply(status=200, body=b"b" * min(body, CAP), body_truncated=truncated, content_type="application/json")
    assert reusable


@pytest.mark.parametrize(
    ("sent", "clean", "truncated"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nab", True, False),
        (b"HTTP/1.1 200 OK\r\n\r\nab", False, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", True, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", True, True),
    ],
)
def test_the_end_of_the_stream(sent: bytes, clean: bool, truncated: bool) -> None:  # noqa: FBT001 - parametrised
    """It ends a body that has no other end, if the host ended it and the network did not."""
    seen, _ = _read([sent], clean=clean)

    assert seen == HttpReply(status=200, body=b"ab", body_truncated=truncated, content_type="")


@pytest.mark.parametrize(
    "line",
    ["HTTP/1.1 099 X", "HTTP/1.1 600 X", "HTTP/1.1 2000 X", "HTTP/1.1 20 X", "HTTP/2.0 200 X", "HTTP/0.9 200 X", "http/1.1 200 X", "ICE/1.0 200 X", " 200 X"],
)
def test_a_status_line_that_is_none(line: str) -> None:
    """Whatever follows it, this is silence."""
    seen, reusable = _read([f"{line}\r\nContent-Length: 0\r\n\r\n".encode()])

    assert isinstance(seen, Silent)
    assert not reusable


def test_one_reader_reads_answer_after_answer() -> None:
    """Nothing of one answer is left in the next."""
    reader, seen = AnswerReader(), []
    for status, body in ((201, b'"a"'), (500, b""), (200, b'"c"')):
        reader.begin(body_bytes_max=CAP)
        seen.append(reader.feed(reply(status, body)))

    assert seen == [
        HttpReply(status=status, body=body, body_truncated=False, content_type="application/json")
        for status, body in ((201, b'"a"'), (500, b""), (200, b'"c"'))
    ]
