"""The leaf: deterministic bytes, hashed as RFC 6962 says, without text and without anything unbounded."""

import json
from hashlib import sha256

import pytest

from gateway.domain.audit import EntryKind, encode, leaf_hash, movements, text_digest
from gateway.domain.budget import Hold, HoldState, Ledger, Level, Node, Window
from gateway.domain.limits import LEAF_BYTES_MAX

HELD = Hold(
    node=Node(Level.RUN, "acme", "onboarding", "run-1", Ledger.VALUE, "EUR", Window.TOTAL), window_start_ms=0, amount=7, settled=0, state=HoldState.OPEN,
    left=3, limit=10,
)  # fmt: skip


def test_the_bytes_of_a_leaf_stay_as_they_are() -> None:
    """Sorted keys, no spaces, UTF-8, bytes as hex, empty fields left out, zero and false kept."""
    leaf = encode({
        "v": 1, "kind": EntryKind.INTENT, "zero": 0, "no": False, "empty": "", "none": None, "list": [], "map": {}, "bytes": b"",
        "holds": movements([]), "hash": b"\xab",
        "größe": 'ß\n"', "budgets": movements([HELD]),
    })  # fmt: skip

    assert (
        leaf
        == (
            '{"budgets":[{"amount":7,"currency":"EUR","ledger":"value","level":"run","scope":"run-1","settled":0,"state":"OPEN","window":"total",'
            '"window_start_ms":0}],"größe":"ß\\n\\"","hash":"ab","kind":"INTENT","no":false,"v":1,"zero":0}'
        ).encode()
    )


def test_the_order_of_the_fields_changes_nothing() -> None:
    """Whoever builds them."""
    fields: dict[str, object] = {"b": 1, "a": {"d": 1, "c": 2}}

    assert encode(fields) == encode({"a": {"c": 2, "d": 1}, "b": 1}) == b'{"a":{"c":2,"d":1},"b":1}'


def test_a_leaf_is_hashed_as_in_rfc_6962() -> None:
    """SHA-256 of a zero byte and the leaf; the empty leaf's hash is the one in the reference vectors."""
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"leaf") == sha256(b"\x00leaf").digest()


def test_text_goes_in_by_salted_digest() -> None:
    """Another salt, another digest; no text, no digest."""
    assert text_digest(b"salt", b"text") == sha256(b"salttext").hexdigest()
    assert text_digest(b"salt", b"text") != text_digest(b"pepper", b"text")
    assert text_digest(b"salt", b"") == ""


@pytest.mark.parametrize("wrong", [object(), 1.5j, {1, 2}])
def test_what_a_leaf_cannot_hold_is_a_bug(wrong: object) -> None:
    """Nothing is written as its repr."""
    with pytest.raises(AssertionError):
        encode({"x": wrong})


def test_an_unbounded_field_is_a_bug() -> None:
    """A leaf has at most 65,535 bytes."""
    frame = len(b'{"x":""}')

    assert len(encode({"x": "a" * (LEAF_BYTES_MAX - frame)})) == LEAF_BYTES_MAX
    with pytest.raises(AssertionError):
        encode({"x": "a" * (LEAF_BYTES_MAX - frame + 1)})


def test_no_number_is_written_that_is_no_json() -> None:
    """NaN would be; a leaf takes no float at all."""
    for number in (float("nan"), 1.5):
        with pytest.raises(AssertionError, match="float"):
            encode({"x": number})


def test_a_leaf_reads_back_as_json() -> None:
    """For whoever verifies it with other tools."""
    assert json.loads(encode({"budgets": movements([HELD]), "n": 1})) == {"budgets": json.loads(movements([HELD])), "n": 1}
