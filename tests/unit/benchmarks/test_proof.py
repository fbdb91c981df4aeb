"""A benchmark counts only when everything it acknowledged can be shown. Each condition is broken once."""

from dataclasses import replace

import pytest

from benchmarks.proof import Evidence, Stored, evidence, findings
from benchmarks.rounds import Kind
from benchmarks.syncs import Syncs
from benchmarks.syncs import counted as counted_syncs
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
        (replace(STORED, unsound=("fsync is off, not on",)), "fsync is off, not on"),
    ],
)
def test_what_is_not_stored_as_promised_is_found(stored: Stored, said: str) -> None:
    """One flaw of the store is one finding."""
    (finding,) = findings(replace(flawless(), stored=stored))

    assert said in finding


def test_a_transaction_without_its_sync_is_found() -> None:
    """The commits that were sent to be counted are in the store like the others."""
    counted = replace(flawless(), stored=replace(STORED, succeeded=110), syncs=Syncs(commits=10, transactions=20, syncs=20))

    assert findings(counted) == []
    assert findings(replace(counted, syncs=Syncs(commits=10, transactions=20, syncs=19))) == ["20 transactions made 19 syncs"]
    assert findings(replace(counted, stored=STORED)) == ["110 commits were sent in all, the store holds 100 commits that succeeded and 0 others"]


def test_syncs_are_read_from_what_strace_says() -> None:
    """Both calls count, with and without a column of errors; other lines do not."""
    summary = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 98.10    0.052100         521       100           fdatasync
  1.90    0.001000         500         3         1 fsync
------ ----------- ----------- --------- --------- ----------------
100.00    0.053100         515       103         1 total
"""

    assert counted_syncs(summary) == 103


def test_the_warm_up_is_part_of_the_proof() -> None:
    """What is not measured has been written all the same."""
    samples = [sample(Kind.GOVERNED, number=0), sample(Kind.GOVERNED), sample(Kind.FLOOR, number=0), sample(Kind.BUNCHED)]

    seen = evidence(samples, stored=STORED, syncs=None, file_system="ext4", opa_restarted=False, gateway_exit=0)

    assert (seen.governed, seen.succeeded, seen.effects, seen.keys, seen.floor_calls, seen.floor_effects) == (200, 200, 200, 200, 200, 200)
    assert findings(seen) == ["200 commits were sent in all, the store holds 100 commits that succeeded and 0 others"]
