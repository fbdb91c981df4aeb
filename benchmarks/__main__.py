"""`python -m benchmarks [--quick] [--store sqlite|postgres] …`: what governing costs, beside a bare pass-through, in one run.

1. Real parts: `countersign serve` over a unix socket, OPA, a store on a disk with a sync at every commit, a host of its own.
2. Exit 1 and no result when anything that was acknowledged cannot be shown (`proof`); exit 2 when it cannot be measured here at all.
3. A full run writes `benchmarks/results/latest.json` (`postgres.json` for that store); a quick one writes only where it is told to.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import apsw
import uvloop
from rich.console import Console

from benchmarks import children, machine, proof, report
from benchmarks.figures import figures
from benchmarks.load import CallFailed
from benchmarks.rounds import Plan, Sample, measure
from benchmarks.stage import raised
from benchmarks.stores import STORES
from benchmarks.syncs import StraceMissing, count_syncs
from benchmarks.terms import OPA_FOLDER, ROOT
from gateway.adapters.opa.install import OpaNotFound, Places, find

RESULTS: Final = {"sqlite": ROOT / "benchmarks" / "results" / "latest.json", "postgres": ROOT / "benchmarks" / "results" / "postgres.json"}
_FULL: Final = Plan(rounds=9, calls={1: 200, 16: 1_280, 64: 3_200}, bunch=64, run_size=100, time_s_max=150.0)
_QUICK: Final = Plan(rounds=3, calls={1: 100, 16: 480, 64: 1_280}, bunch=64, run_size=100, time_s_max=45.0)
_RUN_SIZE_MAX: Final = 10_000  # the boundary's steps_max
_PACKAGES: Final = ("countersign-gateway", "grpcio", "protobuf", "uvloop", "httptools", "apsw", "orjson", "aiohttp", "opa-python-client")
_RECORDS: Final = {
    "sqlite": "SQLite with synchronous=FULL",
    "postgres": "PostgreSQL on the same disk with synchronous_commit=on, its processes beside the client",
}
_NOT_COUNTED, _NOT_MEASURED, _INTERRUPTED = 1, 2, 130


class CannotMeasure(Exception):
    """Why this machine or this checkout cannot be measured, and what to do."""


class Refuted(Exception):
    """What was measured does not count."""


async def bench(plan: Plan, *, store: str, count: bool, cores: tuple[int, int] | None, out: Path | None, console: Console) -> None:
    """Measures, proves, shows, writes; `count`: the syncs too; with cores, this process is pinned too.

    Raises `CannotMeasure`, `Refuted`, `StraceMissing`, `ChildFailed`, `CallFailed`.
    """
    opa_version = _opa_version()
    if cores is None:
        console.print("[yellow]nothing is pinned: everybody shares what cores there are[/yellow]")
    parent = ROOT / "var"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as folder:
        file_system, sync_us = disk(Path(folder), machine.mounts()), machine.sync_us(Path(folder))
        samples, seen = await _measured(plan, Path(folder), file_system, store=store, count=count, cores=cores, console=console)
    accept(seen)
    setting = report.Setting(
        taken_at=datetime.now(UTC), method=_method(plan, store=store, rounds=max(one.round for one in samples), pinned=cores is not None),
        machine=machine.described(), versions={name: version(name) for name in _PACKAGES} | {"sqlite": apsw.sqlitelibversion(), "opa": opa_version},
        sync_us=sync_us,
    )  # fmt: skip
    made = figures(samples)
    report.show(made, report.earlier_ratios(RESULTS[store]), setting, console)
    console.print(f"{seen.governed} commits: sent, acknowledged, applied once each, stored; the books balance")
    if out is not None:
        _write(out, report.document(made, seen, setting))
        console.print(f"written: {out.name}")


async def _measured(
    plan: Plan, folder: Path, file_system: str, *, store: str, count: bool, cores: tuple[int, int] | None, console: Console
) -> tuple[list[Sample], proof.Evidence]:
    with tempfile.TemporaryDirectory(prefix="csb-") as sockets:  # elsewhere: a socket's path is short
        console.print(f"starting host, floor, gateway and store ({store})")
        async with STORES[store](folder) as place:
            async with raised(folder=folder, sockets=Path(sockets), store=place, run_size=plan.run_size, cores=cores) as (stage, gateway):
                samples = await measure(stage, plan, tell=console.print)
                pids = [gateway.pid, *place.processes()]
                syncs = await count_syncs(stage.gateway, stage.requests, pids=pids, folder=folder) if count else None
                opa_restarted = machine.children(gateway.pid) != [stage.opa_pid]
                gateway_exit = await children.stop(gateway)
            console.print("checking what was stored")
            stored = await place.look()
    return samples, proof.evidence(samples, stored=stored, syncs=syncs, file_system=file_system, opa_restarted=opa_restarted, gateway_exit=gateway_exit)


def _write(out: Path, document: Mapping[str, object]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def disk(folder: Path, mounts: str) -> str:
    """The type of the file system. Raises `CannotMeasure` when it is memory, or cannot be told."""
    file_system = machine.file_system(folder, mounts)
    if not file_system or file_system in machine.IN_MEMORY:
        raise CannotMeasure(f"the checkout is on {file_system or 'an unknown file system'}; the store of a benchmark has to be on a disk")
    return file_system


def accept(seen: proof.Evidence) -> None:
    """Raises `Refuted` with every finding."""
    if wrong := proof.findings(seen):
        raise Refuted("\n".join(wrong))


def _opa_version() -> str:
    try:
        return find(Places(explicit=None, search_path=os.environ.get("PATH", ""), folder=OPA_FOLDER)).version
    except OpaNotFound as missing:
        raise CannotMeasure(f"{missing}; `make env` brings it") from missing


def _method(plan: Plan, *, store: str, rounds: int, pinned: bool) -> dict[str, object]:
    return {
        "figure": "commits a second through the gateway ÷ calls a second through a bare pass-through, in pairs within a round; the median of the rounds",
        "floor": "the same gRPC server and options, event loop and host client in a process of its own; forwards the payload and answers, governs nothing",
        "bunched": f"the floor called in waves of {plan.bunch} sent together, when a call costs it least",
        "governed": f"countersign serve: OPA with the default bundle, budgets at run, workflow and tenant, payload schema, {_RECORDS[store]}",
        "load": "closed loop over one channel to one unix socket; answers are read after the clock has stopped",
        "rounds": rounds,
        "calls_per_round": {str(in_flight): calls for in_flight, calls in plan.calls.items()},
        "commits_per_run": plan.run_size,
        "pinned": "gateway and floor on one core; client, host and OPA on another" if pinned else "nothing",
        "cpu": "user and system time of all threads of the process, all rounds together",
        "latency": "p50 and p99 of each round, seen by the client; the median of the rounds",
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What governing costs, as a ratio in one run.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds; writes no result unless --json says where")
    parser.add_argument("--store", choices=[*STORES], default="sqlite", help="where the gateway records (default %(default)s)")
    parser.add_argument("--run-size", type=int, default=_FULL.run_size, metavar="N", help=f"commits of one run, 1 to {_RUN_SIZE_MAX} (default %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the result goes (default benchmarks/results/, nowhere with --quick)")
    parser.add_argument("--without-syncs", action="store_true", help="do not count syncs with strace; the result says that nobody did")
    asked = parser.parse_args()
    if not 1 <= asked.run_size <= _RUN_SIZE_MAX:
        parser.error(f"--run-size is 1 to {_RUN_SIZE_MAX}")
    plan = replace(_QUICK if asked.quick else _FULL, run_size=asked.run_size)
    work = partial(
        bench, plan, store=asked.store, count=not asked.without_syncs, cores=machine.cores(), out=asked.json or (None if asked.quick else RESULTS[asked.store]),
        console=Console(),
    )  # fmt: skip
    return exit_code(lambda: uvloop.run(_until_told(work())))


def exit_code(run: Callable[[], None]) -> int:
    """Runs, and tells on standard error why there is no result."""
    try:
        run()
    except (CannotMeasure, StraceMissing, children.ChildFailed) as why:
        print(f"cannot measure: {why}", file=sys.stderr)
        return _NOT_MEASURED
    except (Refuted, CallFailed) as why:
        print(f"this benchmark does not count:\n{why}", file=sys.stderr)
        return _NOT_COUNTED
    except (KeyboardInterrupt, asyncio.CancelledError):
        return _INTERRUPTED
    return 0


async def _until_told(work: Coroutine[None, None, None]) -> None:
    """SIGTERM ends the work as an interrupt does: with everything it started."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


if __name__ == "__main__":
    sys.exit(main())
