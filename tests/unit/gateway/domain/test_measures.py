"""Measures: intervals that are honest for few cases, and a comparison by the cases that differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.measures import differ_by_chance, mean, share


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662), (1, 1, 0.2065, 1.0)],
)
def test_wilsons_interval(hits: int, of: int, low: float, high: float) -> None:
    """Against published values (Newcombe 1998 for 81 of 263)."""
    found = share(hits, of)

    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)


@given(st.integers(0, 500), st.integers(1, 500))
def test_an_interval_holds_its_share_and_stays_inside(hits: int, more: int) -> None:
    """Whatever the numbers."""
    found = share(hits, hits + more)

    assert 0.0 <= found.low <= found.value <= found.high <= 1.0


def test_nothing_is_known_of_nothing() -> None:
    """Anything could be."""
    assert (share(0, 0).low, share(0, 0).high, mean([]).total) == (0.0, 1.0, 0)


def test_a_mean_with_its_spread() -> None:
    """Normal interval, nearest ranks."""
    found = mean([10, 20, 30, 40])

    assert (found.value, found.total, found.median, found.p95) == (25.0, 100, 20.0, 40.0)
    assert found.high - found.value == pytest.approx(1.96 * 12.909944 / 2, abs=0.01)
    assert (mean([7]).low, mean([7]).high) == (7.0, 7.0)


@pytest.mark.parametrize(("first", "second", "chance"), [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 0.0625), (10, 0, 0.001953125), (1, 9, 0.021484375)])
def test_two_variants_by_the_cases_that_differ(first: int, second: int, chance: float) -> None:
    """Exact, both ways."""
    assert differ_by_chance(first, second) == chance
