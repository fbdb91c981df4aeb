"""From samples to figures."""

import pytest

from benchmarks.figures import figures, side
from benchmarks.rounds import Kind
from benchmarks.statistics import Ratio
from tests.unit.benchmarks.made import sample


def test_throughput_is_compared_round_by_round() -> None:
    """Each governed piece with the floor of its own round; the bunched floor only where it was measured."""
    samples = [
        *(sample(Kind.FLOOR, in_flight=1, per_s=per_s, number=number) for number, per_s in ((1, 1_000.0), (2, 500.0), (3, 1_000.0))),
        *(sample(Kind.GOVERNED, in_flight=1, per_s=per_s, number=number) for number, per_s in ((1, 400.0), (2, 200.0), (3, 300.0))),
        *(sample(kind, in_flight=64, per_s=per_s) for kind, per_s in ((Kind.FLOOR, 2_000.0), (Kind.BUNCHED, 4_000.0), (Kind.GOVERNED, 1_000.0))),
    ]

    alone, many = figures(samples)

    assert (alone.in_flight, alone.bunched, alone.ratio_bunched) == (1, None, None)
    assert (alone.ratio.median, alone.ratio.lowest, alone.ratio.highest) == pytest.approx((0.4, 0.3, 0.4))
    assert (many.in_flight, many.ratio, many.ratio_bunched) == (64, Ratio(median=0.5, lowest=0.5, highest=0.5), Ratio(median=0.25, lowest=0.25, highest=0.25))


def test_the_warm_up_is_in_no_figure() -> None:
    """It is slow for reasons of its own."""
    cold = [sample(kind, number=0, per_s=1.0) for kind in Kind]
    warm = [sample(kind, per_s=1_000.0) for kind in Kind]

    assert figures([*cold, *warm]) == figures(warm)


def test_processor_time_is_summed_over_rounds() -> None:
    """A clock of 10 ms says little of one piece and enough of all."""
    one = side([sample(Kind.GOVERNED, number=number, per_s=1_000.0, calls=100) for number in (1, 2, 3, 4)])

    assert (one.cpu_us, one.opa_cpu_us, one.others_cpu_us) == pytest.approx((500.0, 100.0, 200.0))
    assert (one.server_busy, one.others_busy) == pytest.approx((0.5, 0.3))
