"""Redaction: pointed-at values in every form they travel in, and what looks like a person or a secret."""

import json
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.limits import TRANSCRIPT_BYTES_MAX
from gateway.domain.redaction import HIDDEN, hidden_values, redacted


@pytest.mark.parametrize(
    "text",
    [
        "ada.lovelace+x@mail.example.co.uk",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "123456789012",
        "+47 22 33 44 55",
        "Bearer abc.def-123",
        "bearer    s3cr3t-value",
        "sk-proj-0123456789abcdefghijklmnop",
    ],
)
def test_what_looks_like_a_person_or_a_secret_is_hidden(text: str) -> None:
    """Wherever it stands."""
    assert redacted(f"she wrote: {text}; then left", ()) == f"she wrote: {HIDDEN}; then left"


@pytest.mark.parametrize("text", ['{"monthly_price_micros": 490000000, "seats_max": 500}', "team_pro costs 99.00 USD", "2026-11-22 17:00:01", "HTTP 503 @home"])
def test_what_a_reader_needs_stays(text: str) -> None:
    """Prices, dates, seats."""
    assert redacted(text, ()) == text


def test_a_number_is_hidden_as_a_number_not_inside_others() -> None:
    """12 is not part of 1200."""
    assert redacted('{"seats": 12, "micros": 1200}', hidden_values({"seats": 12}, ["/seats"])) == '{"seats": [hidden], "micros": 1200}'


def test_everything_beneath_a_pointer_is_hidden() -> None:
    """And what is not there is no matter."""
    context = {"customer": {"name": "Ada", "tags": ["gold", None, True], "n": 7}}

    assert hidden_values(context, ["/customer", "/nobody"]) == ("Ada", "gold", "7")


@given(st.text(min_size=1).filter(lambda value: bool(value.strip()) and not value[0].isspace() and not value[-1].isspace()))
def test_a_value_is_hidden_in_every_form_it_travels_in(value: str) -> None:
    """As it is, in JSON, and in JSON inside JSON, with and without ASCII."""
    for once in (json.dumps({"v": value}), json.dumps({"v": value}, ensure_ascii=False)):
        for text in (once, json.dumps({"content": once}), json.dumps({"content": once}, ensure_ascii=False)):
            hidden = redacted(text, [value])

            assert HIDDEN in hidden
            assert hidden != text


@pytest.mark.parametrize("text", ["a", "a@", "1 ", "1", "+1 ", "a1-", "a@b.", "bearer ", "a" * 63 + "@"])
def test_no_text_takes_long_to_look_through(text: str) -> None:
    """Counted in work, not in seconds: twice the text takes at most some three times as long."""
    whole = text * (TRANSCRIPT_BYTES_MAX // 4 // len(text))

    half_s = min(timeit.repeat(lambda: redacted(whole[: len(whole) // 2], ("Ada",)), number=1, repeat=3))
    whole_s = min(timeit.repeat(lambda: redacted(whole, ("Ada",)), number=1, repeat=3))

    assert whole_s < 3 * half_s + 0.2
