"""One strict scan: what two parsers could read differently is refused, and what passes means the same to another parser."""

import json
import time
from collections.abc import Mapping
from typing import Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.limits import JSON_DEPTH_MAX, JSON_INTEGER_MAX
from gateway.domain.strict_json import NotStrict, scan

REFUSED: Final[Mapping[bytes, str]] = {
    b"": "not JSON",
    b" ": "not JSON",
    b"{": "not JSON",
    b'{"a":1} {"a":2}': "not JSON",
    b'{"a":1,}': "not JSON",
    b"{'a':1}": "not JSON",
    b"[1 2]": "not JSON",
    b"01": "not JSON",
    b"+1": "not JSON",
    b"1.": "not JSON",
    b".5": "not JSON",
    b"0x10": "not JSON",
    b"// c\n1": "not JSON",
    b'"\t"': "not JSON",
    b'"\x00"': "not JSON",
    b"\xef\xbb\xbf{}": "not JSON",
    b"\xff": "not UTF-8",
    b'"\xed\xa0\x80"': "not UTF-8",
    b'"\xc0\x80"': "not UTF-8",
    b'{"a":1,"a":1}': "duplicate key",
    b'{"plan":"team_pro","Plan":"enterprise"}': "duplicate key",
    b'{"stra\xc3\x9fe":1,"STRASSE":2}': "duplicate key",
    b'{"a":{"b":1,"\\u0062":2}}': "duplicate key",
    b'"\\ud800"': "lone surrogate in a string",
    b'{"\\udfff":1}': "lone surrogate in a string",
    b'["\\ud83d\\u0041"]': "lone surrogate in a string",
    b'"\\u0000"': "NUL in a string",
    b'{"a\\u0000":1}': "NUL in a string",
    b"9007199254740993": "integer beyond \u00b12^53",
    b"-9007199254740993": "integer beyond \u00b12^53",
    b"12345678901234567890123": "integer beyond \u00b12^53",
    b"1" * 5_000: "integer beyond \u00b12^53",
    b"1e1000000000": "exponent out of bounds",
    b"1e-1000000000": "exponent out of bounds",
    b"1e31": "exponent out of bounds",
    b"1e30": "number beyond \u00b12^53",
    b"0.123456789012345678": "number with too many digits",
    b"0.12345678901234567": "number with digits that a double does not keep",
    b"9007199254740993.0": "number with digits that a double does not keep",
    b"-0": "zero with a sign",
    b"-0.0": "zero with a sign",
    b"-0e5": "zero with a sign",
    b"1.0000000000000000000000000000000000000000000": "number with too many digits",
    b"NaN": "not a JSON number",
    b"Infinity": "not a JSON number",
    b"-Infinity": "not a JSON number",
    b"[" * (JSON_DEPTH_MAX + 1) + b"]" * (JSON_DEPTH_MAX + 1): "nested too deep",
    b'{"a":' * (JSON_DEPTH_MAX + 1) + b"1" + b"}" * (JSON_DEPTH_MAX + 1): "nested too deep",
    b"[" * 200_000: "nested too deep",
}

TAKEN: Final[Mapping[bytes, object]] = {
    b"{}": {},
    b' \n{"a" : [1, -2.5, true, false, null]}\t': {"a": [1, -2.5, True, False, None]},
    b"9007199254740992": JSON_INTEGER_MAX,
    b"-9007199254740992": -JSON_INTEGER_MAX,
    b"1.5e3": 1500.0,
    b"1E-05": 0.00001,
    b"0.30000000000000004": 0.30000000000000004,
    b'"\\ud83d\\ude00"': "\U0001f600",
    '"\U0001f600 größe"'.encode(): "\U0001f600 größe",
    b'"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["': "[" * 37,
    b'"\\"[{"': '"[{',
    b'"\\\\u0000"': "\\u0000",
    b"[" * JSON_DEPTH_MAX + b"]" * JSON_DEPTH_MAX: json.loads("[" * JSON_DEPTH_MAX + "]" * JSON_DEPTH_MAX),
    b'{"a":1,"b":{"a":2}}': {"a": 1, "b": {"a": 2}},
}


@pytest.mark.parametrize(("document", "why"), REFUSED.items(), ids=lambda value: repr(value)[:40])
def test_what_could_be_read_two_ways_is_refused(document: bytes, why: str) -> None:
    """With the first thing that is wrong, bounded."""
    found = scan(document)

    assert isinstance(found, NotStrict)
    assert found.why == why
    assert len(found.where) <= 80


@pytest.mark.parametrize(("document", "value"), TAKEN.items(), ids=lambda value: repr(value)[:40])
def test_what_can_be_read_one_way_is_taken(document: bytes, value: object) -> None:
    """At the bounds too; another parser reads the same."""
    assert scan(document) == value
    assert orjson.loads(document) == value


def test_a_refusal_names_the_twin() -> None:
    """The key that comes a second time."""
    assert scan(b'{"plan":1,"seats":2,"PLAN":3}') == NotStrict("duplicate key", "PLAN")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4), max_leaves=12,
)  # fmt: skip


@given(value=VALUES, ascii_only=st.booleans())
def test_whatever_passes_means_the_same_to_another_parser(value: object, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """orjson takes the last of duplicates and turns long integers into floats: neither may get through."""
    document = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")

    found = scan(document)

    if not isinstance(found, NotStrict):
        assert orjson.loads(document) == found


@given(document=st.binary(max_size=40) | st.text(alphabet='{}[]",:\\u0123456789eE+-.ntrufalsx ', max_size=40).map(str.encode))
def test_no_bytes_make_it_fail(document: bytes) -> None:
    """It answers; and what it takes, the standard parser takes too."""
    found = scan(document)

    if not isinstance(found, NotStrict):
        assert json.loads(document) == found


def test_a_string_without_an_end_is_looked_at_once() -> None:
    """Each of its escaped quotes could be taken for a beginning: looked at from every one of them, a payload held the whole gateway for minutes."""
    document = b'"' + b'\\"' * 32_768 + b"\\"
    began_s = time.perf_counter()

    found = scan(document)

    assert isinstance(found, NotStrict)
    assert time.perf_counter() - began_s < 5.0
