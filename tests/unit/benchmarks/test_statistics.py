"""The arithmetic of a benchmark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.statistics import Ratio, median, paired_ratio, percentile

SAMPLES = st.lists(st.floats(min_value=0.001, max_value=1e6), min_size=1, max_size=50)


def test_a_median_is_the_middle_of_the_rounds() -> None:
    """One bad round moves it little."""
    assert median([2.0, 900.0, 1.0]) == 2.0
    assert median([1.0, 3.0]) == 2.0


@pytest.mark.parametrize(("share", "expected"), [(0.01, 1.0), (0.5, 50.0), (0.99, 99.0), (0.991, 100.0), (1.0, 100.0)])
def test_a_percentile_is_the_nearest_rank(share: float, expected: float) -> None:
    """Of 1 to 100, whatever their order."""
    sample = [float(value) for value in range(100, 0, -1)]

    assert percentile(sample, share=share) == expected


@given(SAMPLES, st.floats(min_value=0.001, max_value=1.0))
def test_a_percentile_was_measured_and_covers_its_share(sample: list[float], share: float) -> None:
    """It is one of the values, and at least that share of them is not above it."""
    found = percentile(sample, share=share)

    assert found in sample
    assert sum(value <= found for value in sample) >= share * len(sample) - 1e-9


def test_a_ratio_is_taken_inside_each_round() -> None:
    """A machine twice as slow in one round slows both sides of it: the ratio stays."""
    assert paired_ratio([50.0, 25.0, 60.0], [100.0, 50.0, 100.0]) == Ratio(median=0.5, lowest=0.5, highest=0.6)


def test_nothing_is_no_sample() -> None:
    """A benchmark that measured nothing says so, rather than zero."""
    for empty in (lambda: median([]), lambda: percentile([], share=0.5), lambda: paired_ratio([], [])):
        with pytest.raises(AssertionError):
            empty()


def test_sides_without_their_pairs_are_no_ratio() -> None:
    """Every governed piece has its floor."""
    with pytest.raises(AssertionError, match="pairs"):
        paired_ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize("share", [0.0, -0.5, 1.01])
def test_a_share_is_part_of_the_sample(share: float) -> None:
    """Neither none of it nor more than all."""
    with pytest.raises(AssertionError, match="share"):
        percentile([1.0], share=share)
