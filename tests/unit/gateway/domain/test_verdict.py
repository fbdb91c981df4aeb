"""A verdict is exactly a verdict, or it is malformed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.verdict import CODES_MAX, DETAIL_CHARS_MAX, PolicyCode, Verdict, VerdictMalformed, is_code, read_verdict

DECLARED = frozenset({"AMOUNT_OVER_LIMIT", "CLOSED_DAY"})


def test_an_allow_without_reasons_is_a_verdict() -> None:
    """The one form of yes."""
    verdict = read_verdict({"allow": True, "reasons": []}, declared=DECLARED)

    assert verdict == Verdict(allow=True, codes=())


def test_a_denial_keeps_its_codes_in_order() -> None:
    """`detail` is optional; the order is the bundle's."""
    document = {"allow": False, "reasons": [{"code": "CLOSED_DAY"}, {"code": "AMOUNT_OVER_LIMIT", "detail": "120 > 100"}]}

    verdict = read_verdict(document, declared=DECLARED)

    assert verdict == Verdict(allow=False, codes=(PolicyCode(code="CLOSED_DAY", detail=""), PolicyCode(code="AMOUNT_OVER_LIMIT", detail="120 > 100")))


@pytest.mark.parametrize(
    ("document", "path", "seen"),
    [
        (True, "", "the boolean true"),
        (None, "", "null"),
        ([], "", "an array"),
        ("allow", "", "a string"),
        (1, "", "a number"),
        ({}, "", "no allow"),
        ({"alow": True, "reasons": []}, "", "the key 'alow'"),
        ({"allow": True}, "", "no reasons"),
        ({"allow": True, "reasons": [], "note": "x"}, "", "the key 'note'"),
        ({"allow": 1, "reasons": []}, "allow", "a number"),
        ({"allow": "true", "reasons": []}, "allow", "a string"),
        ({"allow": None, "reasons": []}, "allow", "null"),
        ({"allow": True, "reasons": {}}, "reasons", "an object"),
        ({"allow": True, "reasons": None}, "reasons", "null"),
        ({"allow": True, "reasons": [{"code": "CLOSED_DAY"}]}, "reasons", "1 reasons beside allow: true"),
        ({"allow": False, "reasons": []}, "reasons", "no reason beside allow: false"),
        ({"allow": False, "reasons": ["CLOSED_DAY"]}, "reasons[0]", "a string"),
        ({"allow": False, "reasons": [{"detail": "x"}]}, "reasons[0]", "no code"),
        ({"allow": False, "reasons": [{"code": "CLOSED_DAY", "deatil": "x"}]}, "reasons[0]", "the key 'deatil'"),
        ({"allow": False, "reasons": [{"code": 7}]}, "reasons[0].code", "a number"),
        ({"allow": False, "reasons": [{"code": "closed_day"}]}, "reasons[0].code", "a string that is no code: upper snake case, at most 64 characters"),
        ({"allow": False, "reasons": [{"code": "CLOSED_DAY"}, {"code": "NEW_CODE"}]}, "reasons[1].code", "NEW_CODE, which the bundle does not declare"),
        ({"allow": False, "reasons": [{"code": "CLOSED_DAY", "detail": None}]}, "reasons[0].detail", "null"),
        ({"allow": False, "reasons": [{"code": "CLOSED_DAY", "detail": "a\x00b"}]}, "reasons[0].detail", "a control character"),
        (
            {"allow": False, "reasons": [{"code": "CLOSED_DAY", "detail": "x" * (DETAIL_CHARS_MAX + 1)}]},
            "reasons[0].detail",
            f"{DETAIL_CHARS_MAX + 1} characters, at most {DETAIL_CHARS_MAX}",
        ),
        ({"allow": False, "reasons": [{"code": "CLOSED_DAY"}] * (CODES_MAX + 1)}, "reasons", f"{CODES_MAX + 1} reasons, at most {CODES_MAX}"),
    ],
)
def test_anything_else_is_malformed_and_says_where(document: object, path: str, seen: str) -> None:
    """Each departure is named by its path and by what was there."""
    verdict = read_verdict(document, declared=DECLARED)

    assert verdict == VerdictMalformed(path=path, seen=seen)


def test_the_bounds_themselves_are_allowed() -> None:
    """As many reasons and characters as the limits say."""
    document = {"allow": False, "reasons": [{"code": "CLOSED_DAY", "detail": "x" * DETAIL_CHARS_MAX}] * CODES_MAX}

    verdict = read_verdict(document, declared=DECLARED)

    assert isinstance(verdict, Verdict)
    assert len(verdict.codes) == CODES_MAX


def test_what_was_seen_is_bounded_and_printable() -> None:
    """A key of the bundle's making cannot flood or colour a log line."""
    verdict = read_verdict({"allow": True, "reasons": [], "k\x1b[31m" * 100: 1}, declared=DECLARED)

    assert isinstance(verdict, VerdictMalformed)
    assert len(verdict.seen) <= 80
    assert verdict.seen.isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("A", True), ("A_B2", True), ("", False), ("a", False), ("_A", False), ("A_", False), ("A__B", False), ("2A", False), ("A B", False), ("A" * 65, False)],
)
def test_a_code_is_upper_snake_case(text: str, expected: bool) -> None:  # noqa: FBT001 -- a column of the table
    """What a bundle may declare."""
    assert is_code(text) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["allow", "reasons", "code", "detail"]) | st.text(), inner, max_size=4),
)


@given(JSON)
def test_only_the_one_form_of_yes_ever_allows(document: object) -> None:
    """Whatever comes, it never raises, and it allows only what is exactly an allow."""
    verdict = read_verdict(document, declared=DECLARED)

    allowed = isinstance(verdict, Verdict) and verdict.allow
    assert allowed == (isinstance(document, dict) and document == {"allow": True, "reasons": []} and document["allow"] is True)
