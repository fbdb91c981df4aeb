"""How sure a measured number is. Pure arithmetic over small samples; everything two-sided at 95 %.

1. A share is told with its Wilson interval, which stays inside 0 to 1 and is honest for few cases and for shares near the ends.
2. A mean is told with its normal interval; with fewer than two values there is none.
3. Two variants over the same cases are compared by the cases in which they differ (exact sign test, McNemar's).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_Z: Final = 1.959963984540054  # of the normal distribution, 97.5 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """`hits` of `of`, with its interval; all 0 to 1, and 0 to 1 for nothing."""

    hits: int
    of: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """Of integers (micros, milliseconds). `low` and `high` are the mean itself with fewer than two values."""

    value: float
    low: float
    high: float
    median: float
    p95: float
    total: int


def share(hits: int, of: int) -> Share:
    """Wilson's score interval (1927)."""
    if of == 0:
        return Share(hits=0, of=0, value=0.0, low=0.0, high=1.0)
    value, z2 = hits / of, _Z * _Z
    middle = (value + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * math.sqrt(value * (1 - value) / of + z2 / (4 * of * of))
    return Share(hits=hits, of=of, value=value, low=min(value, max(0.0, middle - half)), high=max(value, min(1.0, middle + half)))


def mean(values: Sequence[int]) -> Mean:
    if not values:
        return Mean(value=0.0, low=0.0, high=0.0, median=0.0, p95=0.0, total=0)
    ordered, number = sorted(values), len(values)
    value = sum(values) / number
    spread = math.sqrt(sum((one - value) ** 2 for one in values) / (number - 1)) if number > 1 else 0.0
    half = _Z * spread / math.sqrt(number)
    return Mean(value=value, low=value - half, high=value + half, median=_at(ordered, 0.5), p95=_at(ordered, 0.95), total=sum(values))


def differ_by_chance(only_first: int, only_second: int) -> float:
    """How often two equal variants would differ at least this much in the cases in which they differ: 0 to 1."""
    discordant = only_first + only_second
    if not discordant:
        return 1.0
    tail = sum(math.comb(discordant, one) for one in range(min(only_first, only_second) + 1))
    return float(min(1.0, 2 * tail / 2**discordant))


def _at(ordered: Sequence[int], quantile: float) -> float:
    """Nearest rank."""
    return float(ordered[min(len(ordered) - 1, math.ceil(quantile * len(ordered)) - 1)])
