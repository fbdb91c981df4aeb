"""YAML as people mean it, and where each part of it stands."""

import pytest

from gateway.declared.findings import DeclarationRefused
from gateway.declared.yaml_marks import FILE_BYTES_MAX, Mark, read_value, read_yaml


def refusal(text: str) -> str:
    with pytest.raises(DeclarationRefused) as refused:
        read_yaml(text.encode(), "f.yaml")
    return str(refused.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("on", "on"),
        ("NO", "NO"),
        ("12:30", "12:30"),
        ("0123", "0123"),
        ("0x10", "0x10"),
        ("1e3", "1e3"),
        ("2026-11-01", "2026-11-01"),
        ("50_000_000", 50_000_000),
        ("-7", -7),
        ("0.5", 0.5),
        ("true", True),
        ("null", None),
        ("", None),
        ('"12"', "12"),
        ("'true'", "true"),
        ("9" * 40, "9" * 40),
        ("<<", "<<"),
    ],
)
def test_plain_scalars_are_what_they_look_like(written: str, meant: object) -> None:
    """Words, times, dates and octal-looking numbers stay text; only plain numbers, true, false and null are more."""
    data = read_value(f"key: {written}")

    assert data == {"key": meant}
    assert isinstance(data, dict)
    assert type(data["key"]) is type(meant)


def test_every_part_has_its_place() -> None:
    """Lines and columns count from 1, for keys and for values."""
    marked = read_yaml(b"a:\n  b: [x, y]\n", "f.yaml")

    assert marked.keys["a", "b"] == Mark(2, 3)
    assert marked.values["a", "b", 1] == Mark(2, 10)
    assert str(marked.finding(("a", "b", 1), "wrong", "Right it.")) == "f.yaml:2:10: wrong. Right it."


def test_a_missing_part_is_reported_where_it_belongs() -> None:
    """The nearest part around it that is there."""
    marked = read_yaml(b"a:\n  b: 1\n", "f.yaml")

    assert marked.finding(("a", "c", "d"), "gone", "").line == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", 'f.yaml:3:1: the key "a" is written twice, first in line 1'),
        ("a: &x 1\n", "f.yaml:1:4: anchors and aliases are not read"),
        ("a: &x [1]\nb: *x\n", "anchors and aliases are not read"),
        ("a: !!python/name:os.system x\n", "f.yaml:1:4: tags are not read"),
        ("a: !secret x\n", "f.yaml:1:4: tags are not read"),
        ("a: [1\n", "not YAML"),
        ("a: b: c\n", "f.yaml:1:5: not YAML: mapping values are not allowed here"),
        ("{a: 1}: 2\n", "f.yaml:1:1: a key that is not text"),
        ("a: 1\n---\nb: 2\n", "not YAML: but found another document"),
        ("[" * 40 + "]" * 40, "f.yaml:1:33: nested deeper than 32 levels"),
        ("a: \x07\n", "not YAML"),
        ('a: "\\ud800"\n', "f.yaml:1:4: an escape that stands for no character"),
        ('"\\0": a\n', "f.yaml:1:1: an escape that stands for no character"),
    ],
)
def test_what_is_not_plain_is_refused(text: str, expected: str) -> None:
    """With the place, before anything is built of it."""
    assert expected in refusal(text)


def test_a_file_is_bounded_and_utf8() -> None:
    """A large one is refused by its size; other encodings by the line they begin in."""
    with pytest.raises(DeclarationRefused) as encoded:
        read_yaml(b"a: 1\nb: \xff\n", "f.yaml")

    assert f"Keep it to {FILE_BYTES_MAX} bytes" in refusal("#" * (FILE_BYTES_MAX + 1))
    assert "f.yaml:2:1: not UTF-8" in str(encoded.value)


def test_an_empty_file_is_nothing() -> None:
    """Comments alone are nothing too; the model then says what belongs there."""
    assert read_yaml(b"# soon\n", "f.yaml").data is None
