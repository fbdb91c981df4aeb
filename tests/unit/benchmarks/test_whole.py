"""A whole benchmark, as small as one can be: real gateway, OPA, store, host and floor."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import __main__ as benchmark
from benchmarks.children import ChildFailed
from benchmarks.load import CallFailed
from benchmarks.rounds import Plan
from benchmarks.stores import STORES
from benchmarks.syncs import StraceMissing
from tests.unit.benchmarks.made import flawless

PLAN = Plan(rounds=1, calls={1: 5, 8: 40}, bunch=8, run_size=10, time_s_max=60.0)


@pytest.mark.parametrize("store", [*STORES])
async def test_a_benchmark_measures_proves_and_writes(store: str, tmp_path: Path) -> None:
    """Every commit is accounted for, the warm-up's too, and this process keeps its cores."""
    cores = os.sched_getaffinity(0)

    await benchmark.bench(PLAN, store=store, count=False, cores=None, out=tmp_path / "made.json", console=Console(quiet=True))

    made = json.loads((tmp_path / "made.json").read_bytes())
    assert made["ratio"].keys() == {"1", "8"}
    assert made["ratio_bunched"].keys() == {"8"}
    assert all(value > 0 for value in (*made["ratio"].values(), *made["cpu_us_per_commit"].values()))
    assert {name: made["proof"][name] for name in ("governed", "succeeded", "effects", "keys", "floor_calls", "floor_effects")} == {
        "governed": 90, "succeeded": 90, "effects": 90, "keys": 90, "floor_calls": 170, "floor_effects": 170,
    }  # fmt: skip
    assert made["proof"]["stored"]["succeeded"] == 90
    assert os.sched_getaffinity(0) == cores


@pytest.mark.parametrize("mounts", ["tmpfs / tmpfs rw 0 0", "ramfs / ramfs rw 0 0", ""])
def test_a_store_in_memory_is_not_measured(mounts: str) -> None:
    """Nor one on nobody knows what."""
    with pytest.raises(benchmark.CannotMeasure, match="has to be on a disk"):
        benchmark.disk(Path("/srv"), mounts)


def test_a_benchmark_is_refuted_with_every_finding() -> None:
    """A flawless one is accepted."""
    benchmark.accept(flawless())

    with pytest.raises(benchmark.Refuted, match=r"99 succeeded\n.*101 effects"):
        benchmark.accept(replace(flawless(), succeeded=99, effects=101))


@pytest.mark.parametrize(
    ("why", "code"),
    [
        (benchmark.Refuted("the host saw 99 effects"), 1),
        (CallFailed("a commit was answered UNAVAILABLE"), 1),
        (benchmark.CannotMeasure("no disk"), 2),
        (ChildFailed("the gateway ended with 2"), 2),
        (StraceMissing("strace is not on PATH"), 2),
    ],
)
def test_no_result_is_an_exit_code_with_its_reason(capsys: pytest.CaptureFixture[str], why: Exception, code: int) -> None:
    """1: it does not count. 2: it could not be measured. 0 only for a result."""

    def run() -> None:
        raise why

    assert benchmark.exit_code(run) == code
    assert str(why) in capsys.readouterr().err
    assert benchmark.exit_code(lambda: None) == 0
