"""The record's leaf: codes, ids, digests and numbers, encoded once and hashed as stored.

1. No free text and no personal data: those go in by salted digest.
2. The encoding is deterministic: UTF-8 JSON, sorted keys, no spaces; empty fields are left out. Stored bytes are never re-encoded.
3. The leaf hash is RFC 6962's: SHA-256(0x00 ‖ leaf).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring

from gateway.domain.budget import Hold, Node
from gateway.domain.limits import LEAF_BYTES_MAX
from gateway.domain.plain_json import Written, written


class EntryKind(StrEnum):
    DECISION = "DECISION"
    INTENT = "INTENT"
    OUTCOME = "OUTCOME"
    DENIAL = "DENIAL"
    RESOLUTION = "RESOLUTION"
    LATE_OUTCOME = "LATE_OUTCOME"
    RESENT = "RESENT"
    STEP_RECORDED = "STEP_RECORDED"
    RUN_STOPPED = "RUN_STOPPED"
    HALT = "HALT"
    RESUME = "RESUME"
    ACTIVATED = "ACTIVATED"
    ROLLED_BACK = "ROLLED_BACK"
    KEY_ROTATED = "KEY_ROTATED"
    ERASED = "ERASED"
    SHADOW_FLIP = "SHADOW_FLIP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One leaf with the columns it is found by. `counter` is gapless within a boot."""

    kind: EntryKind
    time_ms: int
    boot_id: str
    counter: int
    tenant: str
    workflow: str
    run_id: str
    subject_id: str  # the commit, decision, halt, … it is about
    leaf: bytes
    leaf_hash: bytes


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def text_digest(salt: bytes, text: bytes) -> str:
    """Hex of SHA-256(salt ‖ text); the salt is kept, and erased, with the text. "" for no text."""
    return sha256(salt + text).hexdigest() if text else ""


def movements(holds: Sequence[Hold]) -> Written:
    """What each hold did to its node; empty, and so left out of a leaf, without holds."""
    return Written("") if not holds else Written(f"[{','.join([_movement(held) for held in holds])}]")


def _movement(held: Hold) -> str:
    of_node, window = _said_of(held.node)
    return (
        f'{{"amount":{held.amount:d},{of_node},"settled":{held.settled:d},"state":"{held.state}",'
        f'"window":"{window}","window_start_ms":{held.window_start_ms:d}}}'
    )


@lru_cache(maxsize=4_096)
def _said_of(node: Node) -> tuple[str, str]:
    """The members that a movement has of its node, and its window: the same in every movement at it."""
    said = {"currency": node.currency, "ledger": node.ledger, "level": node.level, "scope": node.scope}
    return written(said)[1:-1], node.window


def encode(fields: Mapping[str, object]) -> bytes:
    """The leaf's bytes. Raises AssertionError above the limit: every field that goes in is bounded."""
    written_fields = [
        head + (encode_basestring(value) if type(value) is str else written(value))
        for name, head in _in_order(tuple(fields)) if (value := fields[name]) or isinstance(value, int)
    ]  # fmt: skip
    leaf = f"{{{','.join(written_fields)}}}".encode()
    assert len(leaf) <= LEAF_BYTES_MAX, "every field of a leaf is bounded"
    return leaf


@lru_cache(maxsize=256)
def _in_order(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Sorted, each with what stands before its value: entries of a kind have the same names."""
    return [(name, f"{encode_basestring(name)}:") for name in sorted(names)]
