"""Strict JSON: what is read, and what is refused with a reason."""

import pytest

from agent.strict_json import NotStrict, parse


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ("{}", {}),
        (b' {"a": [1, 2.5, "x", null, true]}\n', {"a": [1, 2.5, "x", None, True]}),
        ('{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        ("[" * 31 + "1" + "]" * 31, None),
    ],
)
def test_json_is_read(document: bytes | str, value: object) -> None:
    """Bytes or text alike; 32 levels are allowed."""
    read = parse(document)

    assert value is None or read == value


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"\xff{}", "not valid Unicode"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        ('"\ud800"', "not valid Unicode"),
        ('{"a": {"\\udfff": 1}}', "not valid Unicode"),
        ('{"a": 1, "a": 1}', "same key twice"),
        ("[Infinity]", "Infinity is not JSON"),
        ("[1e999]", "number that cannot be read"),
        ("9" * 5_000, "number that cannot be read"),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 33 + "]" * 33, "nested too deeply"),
        ("{'a': 1}", "not JSON"),
        ('{"a": 1,}', "not JSON"),
        ("", "not JSON"),
    ],
)
def test_anything_else_is_refused(document: bytes | str, why: str) -> None:
    """One exception, whose message never quotes the document."""
    with pytest.raises(NotStrict, match=why):
        parse(document)
