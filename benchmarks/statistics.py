"""The arithmetic of a benchmark. Medians over rounds, because a shared machine has bad moments; ratios inside a round, for the same reason.

1. An empty sample is a bug of the benchmark, never a zero.
2. A percentile is a measured value (nearest rank), never one between two.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Of two samples taken in pairs."""

    median: float
    lowest: float
    highest: float


def median(sample: Sequence[float]) -> float:
    assert sample, "a median of nothing"
    return statistics.median(sample)


def percentile(sample: Sequence[float], *, share: float) -> float:
    """The smallest value that at least `share` (over 0, at most 1) of the sample does not exceed."""
    assert sample, "a percentile of nothing"
    assert 0 < share <= 1, "a share of the sample"
    return sorted(sample)[math.ceil(share * len(sample)) - 1]


def paired_ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """Of `above` to `below`, round by round."""
    assert len(above) == len(below), "a ratio of pairs"
    assert above, "a ratio of nothing"
    ratios = [one / other for one, other in zip(above, below, strict=True)]
    return Ratio(median=median(ratios), lowest=min(ratios), highest=max(ratios))
