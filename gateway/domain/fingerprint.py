"""What makes two requests the same request: SHA-256 over what the caller sent that defines the write or the question.

1. Length-prefixed, so no two lists of fields share bytes; versioned, so a row is always compared with its own version.
2. Not in it: expire time, deadline, trace context, `supersedes`. Keys and ids are bytes: case and Unicode form matter.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

VERSION: Final = 1  # what is stored. A second one is added beside it, never in its place: rows are compared in their own for as long as they are kept
Fingerprints = Mapping[int, bytes]  # version → 32 bytes, in every version there is
_BEGINS: Final = b"countersign.fingerprint\x00%d" % VERSION


def commit_fingerprint(*, run_id: str, workflow: str, step: str, action: str, decision_id: str, payload: bytes) -> bytes:
    return _digest(b"commit", run_id.encode(), workflow.encode(), step.encode(), action.encode(), decision_id.encode(), payload)


def decide_fingerprint(*, run_id: str, workflow: str, step: str, context: bytes, allowed_options: tuple[str, ...], limits: tuple[int, ...]) -> bytes:
    """`limits` in the order of the wire message, 0 where the caller set none."""
    options = [option.encode() for option in allowed_options]
    return _digest(b"decide", run_id.encode(), workflow.encode(), step.encode(), context, _digest(*options), _digest(*(b"%d" % n for n in limits)))


def step_fingerprint(*, run_id: str, workflow: str, step: str, result: bytes) -> bytes:
    return _digest(b"step", run_id.encode(), workflow.encode(), step.encode(), result)


def finish_fingerprint(*, run_id: str, workflow: str, stop: str, note: str) -> bytes:
    return _digest(b"finish", run_id.encode(), workflow.encode(), stop.encode(), note.encode())


def _digest(*fields: bytes) -> bytes:
    return sha256(_BEGINS + b"".join([len(field).to_bytes(8, "big") + field for field in fields])).digest()
