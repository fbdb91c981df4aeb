"""Ballots: orders that cancel positions, shares that add up, counts that never invent agreement."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ballots import count, share, shown
from agent.task import Usage
from tests.unit.agent.made import limits

THREE = {"a": "first", "b": "second", "c": "third"}


def test_each_option_comes_first_once_before_any_does_twice() -> None:
    """Rotations, then those of the reversed order."""
    orders = ["".join(shown(THREE, ballot=ballot)) for ballot in range(1, 8)]

    assert orders == ["abc", "bca", "cab", "cba", "bac", "acb", "abc"]


@given(st.integers(1, 9), st.integers(1, 40))
def test_positions_are_spread_evenly(options: int, laps: int) -> None:
    """Over whole laps every option stands in every place equally often, with its own meaning."""
    offered = {f"o{number}": f"m{number}" for number in range(options)}
    orders = [shown(offered, ballot=ballot) for ballot in range(1, options * laps + 1)]

    places = Counter((place, name) for order in orders for place, name in enumerate(order))
    assert set(places.values()) == {laps}
    assert all(dict(order) == offered for order in orders)


@given(st.integers(1, 9), st.integers(0, 500), st.data())
def test_shares_stay_within_the_whole(votes: int, tokens_max: int, data: st.DataObject) -> None:
    """Whatever each ballot makes of its share, all together never exceed the limit, and the last may use all that is left."""
    within = limits(steps_max=20, tool_calls_max=7, tokens_max=tokens_max, spend_micros_max=90)
    usage = Usage()

    for ballots_left in range(votes, 0, -1):
        part = share(within, usage, ballots_left=ballots_left)
        spent = data.draw(st.integers(0, part.tokens_max - usage.tokens_in))
        steps = data.draw(st.integers(0, part.steps_max - usage.steps))
        usage = Usage(tokens_in=usage.tokens_in + spent, steps=usage.steps + steps)
        assert part.wall_ms_max == within.wall_ms_max

    assert usage.tokens_in <= tokens_max
    assert usage.steps <= 20
    assert share(within, usage, ballots_left=1).tokens_max == max(tokens_max, usage.tokens_in)


@pytest.mark.parametrize(
    ("steps_max", "used", "ballots_left", "expected"),
    [(4, 0, 3, 2), (4, 1, 2, 3), (4, 2, 2, 3), (4, 3, 1, 4), (3, 0, 3, 1), (2, 0, 3, 0), (5, 4, 2, 4), (9, 0, 3, 3)],
)
def test_the_odd_step_goes_to_who_comes_first_and_one_is_kept_for_each(steps_max: int, used: int, ballots_left: int, expected: int) -> None:
    """A malformed answer in one ballot need not end them all; with too few steps for the ballots nothing more is asked."""
    part = share(limits(steps_max=steps_max), Usage(steps=used), ballots_left=ballots_left)

    assert part.steps_max == expected


def test_no_money_limit_stays_none() -> None:
    """A share of no limit is no limit."""
    part = share(limits(), Usage(spend_micros=5), ballots_left=3)

    assert part.spend_micros_max is None


@pytest.mark.parametrize(
    ("cast", "agreement_min", "option", "agreeing", "abstained"),
    [
        (["a", "a", "b"], 2, "a", 2, 0),
        (["a", "b", "b"], 2, "b", 2, 0),
        (["a", "a", "b"], 3, "", 2, 0),
        (["a", "b", "c"], 1, "", 1, 0),
        (["a", "b"], 1, "", 1, 0),
        (["a", "", ""], 1, "a", 1, 2),
        (["a", "", ""], 2, "", 1, 2),
        (["", "", ""], 1, "", 0, 3),
        ([], 1, "", 0, 0),
    ],
)
def test_what_ballots_amount_to(cast: list[str], agreement_min: int, option: str, agreeing: int, abstained: int) -> None:
    """A tie at the top, or too little agreement, is nothing."""
    counted = count(cast, votes=3, agreement_min=agreement_min)

    assert (counted.option, counted.agreement.agreeing, counted.agreement.abstained) == (option, agreeing, abstained)
    assert bool(counted.detail) is not bool(option)
