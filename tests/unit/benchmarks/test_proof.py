"""A benchmark counts only when everything it acknowledged can be shown. Each condition is broken once."""

from dataclasses import replace

import pytest

from benchmarks.proof import Evidence, Stored, evidence, findings
from benchmarks.rounds import Kind
from tests.unit.benchmarks.made import STORED, flawless, sample


def test_a_flawless_benchmark_counts() -> None:
    """Nothing is found where nothing is wrong."""
    assert findings(flawless()) == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (replace(flawless(), governed=0, succeeded=0, effects=0, keys=0, stored=replace(STORED, succeeded=0)), "no commit was sent"),
        (replace(flawless(), succeeded=99), "100 commits were sent, 99 succeeded"),
        (replace(flawless(), effects=99), "the host saw 99 effects"),
        (replace(flawless(), effects=101), "the host saw 101 effects"),
        (replace(flawless(), keys=99), "99 distinct keys"),
        (replace(flawless(), unkeyed=1), "1 without"),
        (replace(flawless(), floor_effects=199), "the floor was called 200 times, the host saw 199 effects"),
        (replace(flawless(), file_system="tmpfs"), "the store is on tmpfs"),
        (replace(flawless(), file_system=""), "an unknown file system"),
        (replace(flawless(), opa_restarted=True), "OPA was restarted"),
        (replace(flawless(), gateway_exit=-9), "the gateway ended with -9"),
    ],
)
def test_what_does_not_add_up_is_found(broken: Evidence, said: str) -> None:
    """One flaw is one finding, which says what was seen."""
    (finding,) = findings(broken)

    assert said in finding


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (replace(STORED, succeeded=99), "the store holds 99 commits that succeeded"),
        (replace(STORED, others=1), "and 1 others"),
        (replace(STORED, imbalances=("held of run/bench: expected 0, seen 7",)), "expected 0, seen 7"),
        (replace(STORED, synchronous=1), "synchronous is 1, not FULL"),
        (replace(STORED, synchronous=0), "synchronous is 0, not FULL"),
        (replace(STORED, journal="memory"), "the journal is memory"),
    ],
)
def test_what_is_not_stored_as_promised_is_found(stored: Stored, said: str) -> None:
    """One flaw of the store is one finding."""
    (finding,) = findings(replace(flawless(), stored=stored))

    assert said in finding


def test_the_warm_up_is_part_of_the_proof() -> None:
    """What is not measured has been written all the same."""
    samples = [sample(Kind.GOVERNED, number=0), sample(Kind.GOVERNED), sample(Kind.FLOOR, number=0), sample(Kind.BUNCHED)]

    seen = evidence(samples, stored=STORED, file_system="ext4", opa_restarted=False, gateway_exit=0)

    assert (seen.governed, seen.succeeded, seen.effects, seen.keys, seen.floor_calls, seen.floor_effects) == (200, 200, 200, 200, 200, 200)
    assert findings(seen) == ["the store holds 100 commits that succeeded and 0 others"]
