"""From samples to figures: one record for each number of calls in flight. Values in, values out.

1. Throughput, its ratio and latencies are medians over rounds; the warm-up is in none of them.
2. Processor time is the sum over rounds by the sum of calls: its clock ticks too slowly for a single piece.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.rounds import Kind, Sample
from benchmarks.statistics import Ratio, median, paired_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One kind of server at one number of calls in flight."""

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # of the server, a call
    opa_cpu_us: float
    others_cpu_us: float  # client and host
    server_busy: float  # share of one core
    others_busy: float  # client, host and OPA: share of one core


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    in_flight: int
    floor: Side
    governed: Side
    ratio: Ratio  # of throughput, governed ÷ floor
    bunched: Side | None
    ratio_bunched: Ratio | None


def figures(samples: Sequence[Sample]) -> list[Figure]:
    measured = [sample for sample in samples if sample.round > 0]
    return [_figure(in_flight, measured) for in_flight in sorted({sample.in_flight for sample in measured})]


def _figure(in_flight: int, measured: Sequence[Sample]) -> Figure:
    of = {kind: [sample for sample in measured if sample.kind is kind and sample.in_flight == in_flight] for kind in Kind}
    governed = [sample.per_s for sample in of[Kind.GOVERNED]]
    bunched = of[Kind.BUNCHED]
    return Figure(
        in_flight=in_flight, floor=side(of[Kind.FLOOR]), governed=side(of[Kind.GOVERNED]),
        ratio=paired_ratio(governed, [sample.per_s for sample in of[Kind.FLOOR]]),
        bunched=side(bunched) if bunched else None,
        ratio_bunched=paired_ratio(governed, [sample.per_s for sample in bunched]) if bunched else None,
    )  # fmt: skip


def side(samples: Sequence[Sample]) -> Side:
    calls, elapsed_s = sum(one.calls for one in samples), sum(one.elapsed_s for one in samples)
    server_s, opa_s, others_s = (sum(spent) for spent in zip(*((one.server_s, one.opa_s, one.others_s) for one in samples), strict=True))
    return Side(
        per_s=median([one.per_s for one in samples]), p50_ms=median([one.p50_ms for one in samples]), p99_ms=median([one.p99_ms for one in samples]),
        cpu_us=server_s / calls * 1e6, opa_cpu_us=opa_s / calls * 1e6, others_cpu_us=others_s / calls * 1e6,
        server_busy=server_s / elapsed_s, others_busy=(others_s + opa_s) / elapsed_s,
    )  # fmt: skip
