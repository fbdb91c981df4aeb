"""The request head, as bytes, and what of it any wire has. Pure.

1. Every value that comes from outside this file is checked before it is written; what cannot be written is `Unsendable`, and nothing leaves.
2. Nothing of the caller's metadata is copied but `traceparent`, taken apart and written anew; one that is not valid is left out.
3. `Idempotency-Key` and `Not-After` are the two headers a host can build its own promises on.
"""

import re
from datetime import UTC, datetime
from typing import Final

from gateway.adapters.hosts.spec import HttpHostSpec, is_field_value, is_path, origin_of
from gateway.ports.host import Delivery

METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_KNOWN_FLAGS: Final = 0x03  # sampled, random: https://www.w3.org/TR/trace-context-2/#trace-flags
_NOT_AFTER_MS_MAX: Final = 253_402_300_800_000  # the year 10000, where RFC 3339 ends
_KEY_CHARS_MAX: Final = 255
_USER_AGENT: Final = "countersign"


class Unsendable(ValueError):
    """The request cannot be written. The text names the field, never its value."""


class Heads:
    """Writes the heads of one target."""

    def __init__(self, spec: HttpHostSpec) -> None:
        self._target = spec.name
        authorization = "" if spec.authorization is None else f"Authorization: {spec.authorization}\r\n"
        connection = "Connection: close\r\n" if spec.mode == "none" else ""
        self._common = f" HTTP/1.1\r\nHost: {origin_of(spec).authority}\r\nUser-Agent: {_USER_AGENT}\r\nAccept: application/json\r\n{authorization}{connection}"

    def of_delivery(self, delivery: Delivery) -> bytes:
        """Raises Unsendable."""
        _check(delivery, self._target)
        return (
            f"{delivery.method} {delivery.path}{self._common}"
            f"Content-Type: application/json\r\nContent-Length: {len(delivery.payload)}\r\n"
            f"Idempotency-Key: {delivery.key}\r\nNot-After: {rfc3339(delivery.not_after_ms)}\r\n{_trace_line(delivery.traceparent)}\r\n"
        ).encode("ascii")

    def of_query(self, path: str) -> bytes:
        """Raises Unsendable."""
        if not is_path(path):
            raise Unsendable("the query path with the key in it is not a path")
        return f"GET {path}{self._common}\r\n".encode("ascii")


def _check(delivery: Delivery, target: str) -> None:
    check_common(delivery, target)
    if delivery.method not in METHODS:
        raise Unsendable("the method is not POST, PUT, PATCH or DELETE")
    if not is_path(delivery.path):
        raise Unsendable("the path is not an absolute, percent-encoded path")


def check_common(delivery: Delivery, target: str) -> None:
    """What holds on any wire. Raises Unsendable."""
    if delivery.target != target:
        raise Unsendable("the write is for another target")
    if not is_field_value(delivery.key) or len(delivery.key) > _KEY_CHARS_MAX:
        raise Unsendable("the key is not a header value")
    if not 0 <= delivery.not_after_ms < _NOT_AFTER_MS_MAX:
        raise Unsendable("not_after is not a time RFC 3339 can write")


def rfc3339(unix_ms: int) -> str:
    """UTC, milliseconds: 2026-11-05T12:00:00.250Z."""
    seconds = datetime.fromtimestamp(unix_ms // 1000, UTC).isoformat()[:19]
    return f"{seconds}.{unix_ms % 1000:03d}Z"


def _trace_line(traceparent: str) -> str:
    written = traceparent_of(traceparent)
    return f"traceparent: {written}\r\n" if written else ""


def traceparent_of(traceparent: str) -> str:
    """Taken apart and written anew; "" for one that is not valid. https://www.w3.org/TR/trace-context/#traceparent-header; an all-zero id is invalid."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return ""
    trace_id, parent_id, flags = match.groups()
    if not trace_id.strip("0") or not parent_id.strip("0"):
        return ""
    return f"00-{trace_id}-{parent_id}-{int(flags, 16) & _KNOWN_FLAGS:02x}"
