"""What billing can and cannot read: bodies, keys, times, settings of its switches."""

from datetime import UTC, datetime

import pytest

from examples.subscription.billing.orders import Order, Problem, read_key, read_not_after, read_order
from examples.subscription.billing.switches import Switches
from tests.unit.examples.conftest import ORDER

NEW_CENTURY_MS = 978_307_200_000


def code(answer: object) -> str:
    assert isinstance(answer, Problem)
    assert answer.status == 400
    return answer.code


def test_an_order_is_read() -> None:
    """The order of the demonstration."""
    order = read_order(ORDER, account="harbour")

    assert order == Order(account="harbour", plan="team_pro", seats=12, amount_micros=99_000_000, currency="USD")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "NOT_STRICT_JSON"),
        (b"{", "NOT_STRICT_JSON"),
        (ORDER + b"x", "NOT_STRICT_JSON"),
        (b"\xff" + ORDER, "NOT_STRICT_JSON"),
        (b"\xef\xbb\xbf" + ORDER, "NOT_STRICT_JSON"),
        (ORDER[:-1] + b',"plan":"team_pro"}', "NOT_STRICT_JSON"),
        (ORDER.replace(b"12", b"12.0"), "NOT_STRICT_JSON"),
        (ORDER.replace(b"12", b"NaN"), "NOT_STRICT_JSON"),
        (ORDER.replace(b"12", b"9" * 5000), "NOT_STRICT_JSON"),
        (b"[" * 10_000, "NOT_STRICT_JSON"),
        (b"[]", "NOT_AN_OBJECT"),
        (ORDER[:-1] + b',"note":"x"}', "NOT_AN_ORDER"),
        (ORDER.replace(b',"seats":12', b""), "NOT_AN_ORDER"),
        (ORDER.replace(b"12", b'"12"'), "NOT_AN_ORDER"),
        (ORDER.replace(b"12", b"true"), "NOT_AN_ORDER"),
        (ORDER.replace(b"12", b"null"), "NOT_AN_ORDER"),
        (ORDER.replace(b"12", b"0"), "SEATS_DO_NOT_FIT"),
        (ORDER.replace(b"12", b"26"), "SEATS_DO_NOT_FIT"),
        (ORDER.replace(b"team_pro", b"team_max"), "UNKNOWN_PLAN"),
        (ORDER.replace(b"99000000", b"98999999"), "NOT_THE_PRICE"),
        (ORDER.replace(b"USD", b"EUR"), "WRONG_CURRENCY"),
        (ORDER.replace(b"harbour", b"meadow"), "OTHER_ACCOUNT"),
    ],
)
def test_a_body_that_makes_no_sense(body: bytes, expected: str) -> None:
    """Each kind of nonsense has its code."""
    answer = read_order(body, account="harbour")

    assert code(answer) == expected


@pytest.mark.parametrize("keys", [[], ["K-1", "K-1"], [""], ["a b"], ["k" * 256], ["kéy"], ["k\n"]])
def test_a_key_is_one_and_visible(keys: list[str]) -> None:
    """None, two, empty, too long or with anything but visible ASCII: refused."""
    answer = read_key(keys)

    assert code(answer) == "IDEMPOTENCY_KEY_NEEDED"


def test_the_longest_key_is_read() -> None:
    """255 characters are a key."""
    answer = read_key(["k" * 255])

    assert answer == "k" * 255


@pytest.mark.parametrize("text", ["2001-01-01T00:00:00Z", "2001-01-01T01:00:00.000+01:00", "Mon, 01 Jan 2001 00:00:00 GMT"])
def test_a_moment_is_read(text: str) -> None:
    """RFC 3339 with an offset and the HTTP-date name the same millisecond."""
    answer = read_not_after([text])

    assert answer == NEW_CENTURY_MS


def test_milliseconds_are_kept() -> None:
    """A Not-After is no coarser than it was sent."""
    answer = read_not_after([datetime(2001, 1, 1, 0, 0, 0, 250_000, UTC).isoformat()])

    assert answer == NEW_CENTURY_MS + 250


@pytest.mark.parametrize("times", [[""], ["soon"], ["2001-01-01T00:00:00"], ["2001-01-01T00:00:00Z", "2002-01-01T00:00:00Z"], ["978307200"]])
def test_a_moment_that_is_none(times: list[str]) -> None:
    """No offset, no date, or two of them: refused, not guessed."""
    answer = read_not_after(times)

    assert code(answer) == "NOT_AFTER_UNREADABLE"


def test_no_moment_is_no_bound() -> None:
    """The header may be absent."""
    assert read_not_after([]) is None


@pytest.mark.parametrize(
    "setting",
    [
        b"",
        b"[]",
        b'{"slowly":{}}',
        b'{"slow":{}}',
        b'{"slow":{"ms":0}}',
        b'{"slow":{"ms":600001}}',
        b'{"fail":{"status":200}}',
        b'{"fail":{"status":"503"}}',
        b'{"vanish_after_writing":true}',
        b'{"vanish_after_writing":{"times":0}}',
        b'{"slow":{"ms":5},"fail":{}}',
    ],
)
async def test_a_bad_setting_changes_nothing(setting: bytes) -> None:
    """A setting is taken whole or not at all."""
    switches = Switches()
    assert switches.change(b'{"fail":{"status":500}}') is None
    problem = switches.change(setting)

    assert code(problem) in {"NOT_STRICT_JSON", "NOT_AN_OBJECT", "NOT_A_SETTING"}
    assert switches.shown() == {"fail": {"status": 500}}
