"""Samples and evidence as a benchmark without flaw would make them."""

from benchmarks.proof import Evidence, Stored, evidence
from benchmarks.rounds import Kind, Sample

STORED = Stored(succeeded=100, others=0, imbalances=(), unsound=())


def sample(kind: Kind, *, per_s: float = 1_000.0, in_flight: int = 64, number: int = 1, calls: int = 100) -> Sample:
    """One flawless piece."""
    return Sample(
        round=number, kind=kind, in_flight=in_flight, calls=calls, elapsed_s=calls / per_s, p50_ms=2.0, p99_ms=9.0, succeeded=calls, effects=calls, keys=calls,
        unkeyed=0, server_s=0.05, opa_s=0.01, others_s=0.02,
    )  # fmt: skip


def flawless() -> Evidence:
    """100 commits, and twice as many calls of the floor."""
    samples = [sample(kind) for kind in Kind]
    return evidence(samples, stored=STORED, syncs=None, file_system="ext4", opa_restarted=False, gateway_exit=0)
