"""What is told of many single questions."""

from benchmarks.retention.latencies import Latency, Turn, compared, latency


def test_a_latency_is_told_by_its_middle_its_tail_and_its_worst() -> None:
    """In microseconds, of spans in any order."""
    assert latency([0.003, 0.001, 0.002]) == Latency(p50_us=2_000, p99_us=3_000, longest_us=3_000)
    assert latency([number / 1e6 for number in range(1_001)]) == Latency(p50_us=500, p99_us=990, longest_us=1_000)


def test_a_ratio_is_taken_within_a_turn() -> None:
    """A turn in which everything was slow says what the others say; the longest is the longest of all."""

    def turn(slow: int) -> Turn:
        one, other = (Latency(p50_us=us * slow, p99_us=3 * us * slow, longest_us=9 * us * slow) for us in (30, 20))
        return Turn(one={"t1": one}, other={"t1": other})

    assert compared([turn(1), turn(10), turn(1)], "full", "empty") == {
        "t1": {
            "ratio_p50": 1.5, "ratio_p50_range": [1.5, 1.5], "ratio_p99": 1.5, "ratio_p99_range": [1.5, 1.5],
            "full_us": {"p50": 30, "p99": 90, "longest": 2_700}, "empty_us": {"p50": 20, "p99": 60, "longest": 1_800},
        }
    }  # fmt: skip
