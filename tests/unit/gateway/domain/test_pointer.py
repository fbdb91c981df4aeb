"""JSON Pointer, read only: RFC 6901's own examples, and what it must not find."""

import pytest

from gateway.domain.pointer import Absent, read, well_formed

RFC = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", RFC), ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/e^f", 3), ("/g|h", 4), ("/i\\j", 5), ('/k"l', 6),
        ("/ ", 7), ("/m~0n", 8),
    ],
)  # fmt: skip
def test_the_examples_of_the_rfc(pointer: str, value: object) -> None:
    """Section 5."""
    assert read(RFC, pointer) == value


@pytest.mark.parametrize(
    ("pointer", "at"),
    [
        ("/nothing", "/"), ("/foo/2", "/foo"), ("/foo/-", "/foo"), ("/foo/01", "/foo"), ("/foo/-1", "/foo"), ("/foo/\u0661", "/foo"), ("/foo/+0", "/foo"),
        ("/foo/0/x", "/foo/0"), ("/m~1n", "/"), ("/Foo", "/"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_absent_from_where_it_is_missing(pointer: str, at: str) -> None:
    """No wildcard, no last element, no leading zero, no other digits, no folding of case."""
    assert read(RFC, pointer) == Absent(at)


@pytest.mark.parametrize(
    ("pointer", "fine"),
    [("/a", True), ("/a~0b~1c", True), ("/", True), ("", False), ("a", False), ("/a~", False), ("/a~2", False), ("/~~0", False)],
)
def test_a_pointer_is_well_formed_or_not(pointer: str, fine: bool) -> None:  # noqa: FBT001 - a case
    """It begins with a slash, and a tilde is spelt out."""
    assert well_formed(pointer) is fine


def test_an_escaped_tilde_is_unescaped_once() -> None:
    """~01 is the key ~1, not a slash."""
    assert read({"~1": "tilde", "/": "slash"}, "/~01") == "tilde"
