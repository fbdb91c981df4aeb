"""Reads one answer after another from the bytes of a connection. No I/O, no clock: fed by `link`, easy to test byte by byte.

1. An observation is made once per exchange. Before the header of a final answer is complete it can only be Silent; after that only HttpReply.
2. Interim answers (1xx) are skipped, few of them; 101 ends HTTP and is Silent.
3. The head, the number of interim answers, the stored body and the bytes taken in all are bounded.
4. A connection is reusable only when the answer ended exactly where its framing said, the host keeps it alive, and not a byte came after.
"""

from typing import Final

import httptools

from gateway.domain.host_answer import HttpReply, Silent

HEAD_BYTES_MAX: Final = 16 * 1024  # status line and headers, interim answers included
TAKEN_BYTES_MAX: Final = HEAD_BYTES_MAX + 1024 * 1024  # read and discarded beyond what is stored
INTERIM_MAX: Final = 8
_CONTENT_TYPE_CHARS_MAX: Final = 255
_VERSIONS: Final = ("1.1", "1.0")
_FRAMING: Final = {len(name): name for name in (b"content-length", b"transfer-encoding")}


class _NotAnAnswer(Exception):
    """Raised inside a parser callback to stop the parser; the text is for a person."""


class AnswerReader:
    """`begin`, then `feed` until it returns an observation, or `cut` when no more can come."""

    __slots__ = (
        "_body", "_body_bytes", "_body_bytes_max", "_complete", "_content_type", "_framed", "_head_bytes", "_head_done", "_interims", "_parser",
        "_status", "_surplus", "_taken_bytes", "_truncated", "_why_not", "reusable",
    )  # fmt: skip

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.reusable = True
        self.begin(body_bytes_max=0)

    def begin(self, *, body_bytes_max: int) -> None:
        """The next answer starts with the next byte."""
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._body_bytes_max = body_bytes_max
        self._complete = False
        self._content_type = b""
        self._framed = False
        self._head_bytes = 0
        self._head_done = False
        self._interims = 0
        self._status = 0
        self._surplus = False
        self._taken_bytes = 0
        self._truncated = False
        self._why_not = ""

    def feed(self, data: bytes) -> HttpReply | Silent | None:
        """None: more is needed."""
        if self._taken_bytes == 0 and data[:1] != b"H":  # the parser would take RTSP too
            return self._silent("the answer is not HTTP")
        self._taken_bytes += len(data)
        try:
            if self._head_done:
                self._parser.feed_data(data)
            else:
                self._feed_head(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, _NotAnAnswer) as broken:
            return self._broken(self._why_not or str(broken))
        if self._complete:
            self.reusable = self.reusable and not self._surplus
            return self._reply()
        if self._taken_bytes > TAKEN_BYTES_MAX:
            return self._broken("the answer is too long")
        return None

    def cut(self, why: str, *, clean: bool) -> HttpReply | Silent:
        """No more can come. `clean`: the host ended the stream itself, which ends a body that has no other end."""
        if self._head_done and clean and not self._framed:
            self.reusable = False
            return self._reply()
        return self._broken(why)

    def _feed_head(self, data: bytes) -> None:
        room = HEAD_BYTES_MAX - self._head_bytes
        self._parser.feed_data(data if len(data) <= room else data[:room])
        if self._head_done:
            if len(data) > room:
                self._parser.feed_data(data[room:])
        elif len(data) > room:
            raise _NotAnAnswer(f"the answer's header is over {HEAD_BYTES_MAX} bytes")
        else:
            self._head_bytes += len(data)

    def _broken(self, why: str) -> HttpReply | Silent:
        """What came so far is all there is."""
        self.reusable = False
        if not self._head_done:
            return self._silent(why)
        self._truncated = self._truncated or not self._complete
        return self._reply()

    def _silent(self, why: str) -> Silent:
        self.reusable = False
        return Silent(why)

    def _reply(self) -> HttpReply:
        content_type = self._content_type.decode("ascii", "replace")
        return HttpReply(
            status=self._status,
            body=self._body[0] if len(self._body) == 1 else b"".join(self._body),
            body_truncated=self._truncated,
            content_type=content_type if len(content_type) <= _CONTENT_TYPE_CHARS_MAX else "",
        )

    # what the parser calls, in the order of the bytes

    def on_message_begin(self) -> None:
        self._surplus = self._complete
        if not self._surplus:
            self._content_type, self._framed = b"", False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_done:  # a trailer, or an answer nobody asked for
            return
        length = len(name)
        if length == 12 and name.lower() == b"content-type":
            self._content_type = value
        elif length in _FRAMING and name.lower() == _FRAMING[length]:
            self._framed = True

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        status = self._parser.get_status_code()
        if self._parser.get_http_version() not in _VERSIONS or not 100 <= status <= 599:
            self._stop("the answer's status line is not one of HTTP/1.1")
        if status == 101:
            self._stop("the host switched to another protocol")
        if status < 200:
            self._interims += 1
            if self._interims > INTERIM_MAX:
                self._stop(f"more than {INTERIM_MAX} interim answers")
            return
        self._status = status
        self._head_done = True

    def on_body(self, part: bytes) -> None:
        if self._complete:
            return
        room = self._body_bytes_max - self._body_bytes
        if len(part) > room:
            self._truncated = True
            part = part[:room]
        if part:
            self._body.append(part)
            self._body_bytes += len(part)

    def on_message_complete(self) -> None:
        if self._head_done and not self._complete:
            self._complete = True
            self.reusable = self._parser.should_keep_alive()

    def _stop(self, why: str) -> None:
        self._why_not = why
        raise _NotAnAnswer(why)
