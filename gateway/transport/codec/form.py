"""Reading a message field by field: every problem is noted, so that a caller mends all of them at once."""

import re
from typing import Final, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.domain.limits import KEY_BYTES_MAX, NAME_CHARS_MAX, RUN_ID_BYTES_MAX, WIRE_BYTES_MAX
from gateway.domain.reasons import Reason
from gateway.domain.refusal import Refusal, Violation

M = TypeVar("M", bound=Message)

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Form:
    """One message being read. Ask for fields, then for `refusal`."""

    def __init__(self) -> None:
        self._violations: list[Violation] = []

    def wrong(self, path: str, problem: str) -> None:
        self._violations.append(Violation(path, problem))

    def refusal(self) -> Refusal | None:
        """All problems in one refusal, or None."""
        if not self._violations:
            return None
        message = "; ".join(f"{one.path}: {one.problem}" for one in self._violations[:8])
        return Refusal(reason=Reason.MALFORMED, message=message, violations=tuple(self._violations))

    def key(self, path: str, value: str) -> bytes:
        """A key is bytes: no normalising, no trimming."""
        return self._bounded(path, value, KEY_BYTES_MAX).encode()

    def run_id(self, path: str, value: str) -> str:
        return self._bounded(path, value, RUN_ID_BYTES_MAX)

    def name(self, path: str, value: str) -> str:
        """A name of the boundary: whether it is declared is another question."""
        return self._bounded(path, value, NAME_CHARS_MAX)

    def optional_id(self, path: str, value: str) -> str:
        return self._bounded(path, value, NAME_CHARS_MAX) if value else ""

    def _bounded(self, path: str, value: str, bytes_max: int) -> str:
        size = len(value.encode())
        if not 1 <= size <= bytes_max:
            self.wrong(path, f"{size} bytes; expected 1 to {bytes_max}" if size else f"missing; expected 1 to {bytes_max} bytes")
        elif _CONTROL.search(value):
            self.wrong(path, "has a control character; expected none")
        return value

    def text(self, path: str, value: str, *, chars_max: int, required: bool = False) -> str:
        if len(value) > chars_max or (required and not value.strip()):
            self.wrong(path, f"{len(value)} characters; expected {1 if required else 0} to {chars_max}")
        return value

    def document(self, path: str, value: bytes, *, bytes_max: int) -> bytes:
        if len(value) > bytes_max:
            self.wrong(path, f"{len(value)} bytes; expected at most {bytes_max}")
        return value

    def count(self, path: str, value: int) -> int:
        if value < 0:
            self.wrong(path, f"{value}; expected 0 or more")
        return value

    def duration_ms(self, path: str, value: Duration) -> int:
        total = value.seconds * 1000 + value.nanos // 1_000_000
        if total < 0 or abs(value.nanos) > 999_999_999:
            self.wrong(path, "expected a duration of 0 or more")
        return total

    def time_ms(self, path: str, value: Timestamp) -> int:
        if not 0 <= value.nanos <= 999_999_999 or not 0 <= value.seconds < 253_402_300_800:
            self.wrong(path, "expected a time between 1970 and 9999")
        return value.seconds * 1000 + value.nanos // 1_000_000

    def page_size(self, path: str, value: int, *, default: int, ceiling: int) -> int:
        if not 0 <= value <= ceiling:
            self.wrong(path, f"{value}; expected 0 to {ceiling}")
        return value or default

    def page_token(self, path: str, value: str) -> int:
        if value and not (value.isascii() and value.isdigit() and len(value) < 19):
            self.wrong(path, "is not a token of ours; send next_page_token as it came")
            return 0
        return int(value or 0)


def parse(message: type[M], request: bytes) -> M | Refusal:
    """Bytes to message, or MALFORMED: the library never gets to answer for us."""
    if len(request) > WIRE_BYTES_MAX:
        return Refusal(reason=Reason.MALFORMED, message=f"the message has {len(request)} bytes; expected at most {WIRE_BYTES_MAX}")
    read = message()
    try:
        read.ParseFromString(request)
    except DecodeError:
        return Refusal(reason=Reason.MALFORMED, message=f"the bytes are no {message.DESCRIPTOR.full_name}; generate stubs from proto/countersign/v1")
    return read


def timestamp(at_ms: int) -> Timestamp:
    return Timestamp(seconds=at_ms // 1000, nanos=at_ms % 1000 * 1_000_000)


def duration(span_ms: int) -> Duration:
    return Duration(seconds=span_ms // 1000, nanos=span_ms % 1000 * 1_000_000)
