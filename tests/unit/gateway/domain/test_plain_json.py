"""What is written by hand is what the general encoder would have written, byte for byte."""

import json
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.plain_json import written

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=12,
)


class Word(StrEnum):
    SAID = "sa\u00efd"


@given(VALUES)
def test_it_writes_what_the_general_encoder_writes(value: object) -> None:
    """Sorted keys, no spaces, no escapes but those JSON needs."""
    expected = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    assert expected == written(value)


def test_bytes_are_hexadecimal_and_words_are_strings() -> None:
    """The two kinds of value that leaves hold and JSON does not know."""
    assert written({"digest": b"\x00\xff", Word.SAID: Word.SAID}) == '{"digest":"00ff","sa\u00efd":"sa\u00efd"}'


@pytest.mark.parametrize("value", [1.5, {1}, object()])
def test_what_is_not_meant_to_be_written_is_a_bug(value: object) -> None:
    """A float would be money written wrong; a set has no order."""
    with pytest.raises(AssertionError):
        written({"value": value})
