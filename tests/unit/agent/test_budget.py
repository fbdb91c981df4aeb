"""Reservation and settlement: integers, rounded up, and what nobody can believe is settled at what was reserved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.budget import COMPLETION_TOKENS_MIN, Granted, Reported, Short, release, reserve, settle
from agent.task import Price, Usage
from tests.unit.agent.made import DEAR, limits

HELD = Usage(steps=1, tokens_in=5, tokens_out=6, spend_micros=7, tokens_in_reserved=1_000, tokens_out_reserved=200, spend_reserved_micros=1_400)
ODD = Price(micros_per_million_in=150_000, micros_per_million_out=600_000, as_of="2026-11-01")


def test_a_price_rounds_up_once() -> None:
    """A started micro is a micro: 1 × 0.15 + 1 × 0.6 = 0.75 → 1."""
    assert ODD.micros(tokens_in=1, tokens_out=1) == 1
    assert ODD.micros(tokens_in=0, tokens_out=0) == 0
    assert ODD.micros(tokens_in=2_000_000, tokens_out=1_000_000) == 900_000


def test_what_is_reported_is_settled() -> None:
    """The reservation goes, what was used stays."""
    used = settle(HELD, DEAR, Reported(prompt=300, completion=20, total=320))

    assert used == Usage(steps=1, tokens_in=305, tokens_out=26, spend_micros=7 + 340)


def test_more_than_was_reserved_is_settled_as_it_is() -> None:
    """A server that used more than anyone thought possible is believed."""
    used = settle(HELD, DEAR, Reported(prompt=5_000, completion=900, total=5_900))

    assert (used.tokens_in, used.tokens_out, used.spend_micros) == (5_005, 906, 7 + 6_800)


def test_hidden_thinking_is_settled_too() -> None:
    """Some servers count it in the total alone."""
    used = settle(HELD, None, Reported(prompt=300, completion=20, total=1_320))

    assert used.tokens_out == 6 + 1_020


@pytest.mark.parametrize("lie", [None, 0, -1, -(10**9), 1.5, 100.0, "20", True, 10**12, [], {}, float("1e300")])
def test_what_cannot_be_true_is_settled_at_the_reservation(lie: object) -> None:
    """Missing, not an integer, not positive, absurd: each number by itself."""
    used = settle(HELD, DEAR, Reported(prompt=lie, completion=lie, total=lie))

    assert (used.tokens_in, used.tokens_out, used.spend_micros) == (1_005, 206, 7 + 1_400)
    assert (used.tokens_reserved, used.spend_reserved_micros) == (0, 0)


def test_nobody_said_anything() -> None:
    """Likewise."""
    used = settle(HELD, DEAR, None)

    assert (used.tokens_in, used.tokens_out, used.spend_micros) == (1_005, 206, 7 + 1_400)


def test_a_call_that_was_not_made_is_free() -> None:
    """Only the step stays."""
    assert release(HELD) == Usage(steps=1, tokens_in=5, tokens_out=6, spend_micros=7)


def test_the_grant_shrinks_to_what_is_left() -> None:
    """Down to the least that is of use, and not below."""
    left_for_100 = reserve(Usage(), limits(tokens_max=1_100), None, prompt_tokens_max=1_000, completion_tokens_max=400)
    left_for_63 = reserve(Usage(), limits(tokens_max=1_063), None, prompt_tokens_max=1_000, completion_tokens_max=400)

    assert isinstance(left_for_100, Granted)
    assert left_for_100.completion_tokens == 100
    assert left_for_63 == Short(
        ledger="tokens",
        asked=1_064,
        left=1_063,
        limit=1_063,
        told="tokens: the next call may take 1000 for the prompt and 64 for the answer; 1063 of 1063 left",
    )


@given(
    tokens_max=st.integers(0, 10_000),
    spend_max=st.integers(0, 20_000),
    used=st.tuples(st.integers(0, 5_000), st.integers(0, 5_000), st.integers(0, 10_000)),
    prompt=st.integers(1, 5_000),
    wanted=st.integers(1, 1_000),
    reported=st.tuples(st.integers(-5, 5_000), st.integers(-5, 1_000)),
)
def test_a_server_within_its_bound_never_breaks_a_limit(
    tokens_max: int, spend_max: int, used: tuple[int, int, int], prompt: int, wanted: int, reported: tuple[int, int]
) -> None:
    """Whatever is granted fits, and settling at or under the grant keeps fitting."""
    before = Usage(tokens_in=used[0], tokens_out=used[1], spend_micros=used[2])

    granted = reserve(before, limits(tokens_max=tokens_max, spend_micros_max=spend_max), DEAR, prompt_tokens_max=prompt, completion_tokens_max=wanted)

    if isinstance(granted, Short):
        return
    after = settle(granted.usage, DEAR, Reported(prompt=min(reported[0], prompt), completion=min(reported[1], granted.completion_tokens), total=None))
    assert COMPLETION_TOKENS_MIN <= granted.completion_tokens <= wanted
    assert after.tokens_in + after.tokens_out <= tokens_max
    assert after.spend_micros <= spend_max
