"""What a store weighs, and what keeping it small costs: `python -m benchmarks.retention --commits 100000 --folder DIR`.

1. Commits are made as a gateway makes them, T1 and T2, over the real SQLite store on the disk of `--folder`; then the clock jumps past their time and
   the collector takes them out while others are still being made.
2. Told: bytes a commit on disk, by table; the latency of a T1 alone, in a full store, and beside the collector; rows collected a second; what the
   file weighs afterwards, and whether it grows again when as many more are made.
3. Bounded by `--commits` and `--collect`; nothing is measured that the machine's own noise would drown: look at medians, and at more than one run.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from gateway.adapters.store.sqlite import SqliteStore
from gateway.adapters.system import SystemIds
from gateway.domain.asks import Ask
from gateway.domain.boundary import Mode, RunTerms
from gateway.domain.budget import BudgetLimit, Cost, Ledger, Window
from gateway.domain.conservation import discrepancies
from gateway.domain.fingerprint import VERSION
from gateway.domain.halts import Reach
from gateway.domain.lifecycle import Event
from gateway.domain.records import KeyName, KeySpace, RunName
from gateway.domain.writes.collecting import Retention
from gateway.domain.writes.commits import AuthoriseCommit, Authorised, SettleCommit
from gateway.ports.store import Shelf
from gateway.service.collect import Collector, CollectorPace

_AT_ONCE: Final = 64
_ROWS: Final = 16  # collected between two rests
_RUN_COMMITS: Final = 4
_KEEP_MS: Final = 7 * 86_400_000
_NEVER_S: Final = float("inf")
_PAYLOAD: Final = b'{"account":"team-12","plan":"team_pro","amount_micros":99000000,"currency":"USD"}'
_INPUT: Final = b'{"input":"' + b"x" * 700 + b'"}'
_ANSWER: Final = b'{"subscription":"sub_0123456789","plan":"team_pro","state":"active"}'
_TERMS: Final = RunTerms(
    steps_max=100,
    wall_ms_max=366 * 86_400_000,
    stops_run=frozenset(),
    budgets=(BudgetLimit(ledger=Ledger.WRITES, currency="", window=Window.TOTAL, limit=100),),
)
_COSTS: Final = (Cost(ledger=Ledger.WRITES, currency="", amount=1),)


class _JumpingClock:
    """The machine's clocks, and a jump of the wall."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def boot_s(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Of single T1s, one after another, in microseconds."""

    p50_us: int
    p99_us: int


def _claim(number: int, now_ms: int) -> AuthoriseCommit:
    run = RunName("acme", "activate_subscription", f"run-{number // _RUN_COMMITS}")
    reach = Reach(tenant=run.tenant, workflow=run.workflow, step="select_plan", run_id=run.run_id, action="activate_plan", target="billing")
    ask = Ask(
        key=KeyName(KeySpace.COMMIT, run.tenant, f"{run.run_id}/activate/{number}".encode()), supersedes="", fingerprints={VERSION: number.to_bytes(32, "big")},
        same_as={}, caller="bench", run=run, terms=_TERMS, reach=reach, expire_at_ms=now_ms + 600_000,
        activation_number=1, verdict_at_ms=0, denial=(), decision=None, costs=_COSTS,
    )  # fmt: skip
    return AuthoriseCommit(
        ask=ask, commit_id=f"{number:032x}", attempt_id=f"a{number:031x}", action="activate_plan", target="billing", method="POST",
        path="/accounts/team-12/subscriptions", mode=Mode.DETERMINISTIC, payload=_PAYLOAD, judged_input=_INPUT, salt=b"s" * 22, verdict_id="v" * 22,
        revision="bench@0123456789ab", lease_ms=10_000, send_margin_ms=1_000, traceparent="",
    )  # fmt: skip


async def _commit(store: SqliteStore, number: int, clock: _JumpingClock) -> None:
    made = await store.write(_claim(number, clock.now_ms()), hand_over_by_s=_NEVER_S)
    assert isinstance(made, Authorised), made
    await store.write(
        SettleCommit(
            commit_id=made.row.commit_id, attempt_id=made.row.attempt_id, event=Event.HOST_DID, notes=(), host_status=201, response=_ANSWER,
            response_truncated=False, for_every_attempt=False,
        ),
        hand_over_by_s=_NEVER_S,
    )  # fmt: skip


async def _make(store: SqliteStore, numbers: Sequence[int], clock: _JumpingClock) -> float:
    """Commits a second, many in flight."""
    began_s = time.perf_counter()
    for first in range(0, len(numbers), _AT_ONCE):
        await asyncio.gather(*(_commit(store, number, clock) for number in numbers[first : first + _AT_ONCE]))
    return len(numbers) / (time.perf_counter() - began_s)


async def _latency(store: SqliteStore, numbers: Sequence[int], clock: _JumpingClock) -> Latency:
    took: list[float] = []
    for number in numbers:
        began_s = time.perf_counter()
        await _commit(store, number, clock)
        took.append((time.perf_counter() - began_s) / 2)
    ordered = sorted(took)
    return Latency(p50_us=int(statistics.median(ordered) * 1e6), p99_us=int(ordered[int(0.99 * len(ordered))] * 1e6))


def _weight(path: Path) -> int:
    return path.stat().st_size


def _tables(path: Path) -> dict[str, int]:
    """Bytes of each table with its indices, where the library can tell."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        found = connection.execute(
            "SELECT coalesce(s.tbl_name, d.name), sum(d.pgsize) FROM dbstat AS d LEFT JOIN sqlite_schema AS s ON s.name = d.name GROUP BY 1 ORDER BY 2 DESC"
        )
        return {str(name): int(size) for name, size in found}
    except apsw.SQLError:
        return {}
    finally:
        connection.close()


async def measure(folder: Path, commits: int, *, collect: int | None = None) -> dict[str, object]:
    clock, path, probes = _JumpingClock(), folder / "store.db", min(300, commits)
    store = await SqliteStore.open(path, ids=SystemIds(), clock=clock, reserve_bytes=0)
    try:
        empty = await _latency(store, range(probes), clock)
        rate = await _make(store, range(probes, commits), clock)
        full = await _latency(store, range(commits, commits + probes), clock)
        weight = _weight(path)
        clock.ahead_ms = _KEEP_MS + 3_600_000
        collector = Collector(
            store=store, clock=clock, retention=Retention(keep_ms=_KEEP_MS, tombstone_ms=90 * 86_400_000),
            pace=CollectorPace(interval_ms=1, at_once=_ROWS, rest_ms=20, stretches_max=-(-collect // _ROWS) if collect else 10**9),
        )  # fmt: skip
        began_s = time.perf_counter()
        sweeping = asyncio.create_task(collector.sweep())
        beside = await _latency(store, range(commits + probes, commits + 2 * probes), clock)
        gone = (await sweeping)[Shelf.COMMITS]
        collected_rate = gone / (time.perf_counter() - began_s)
        again = await _make(store, range(commits + 2 * probes, commits + (collect or commits) + 2 * probes), clock)
        wrong = len(discrepancies(await store.books())) if commits <= 200_000 else -1
    finally:
        await store.close()
    return {
        "commits": commits, "commits_a_second": int(rate), "commits_a_second_afterwards": int(again), "collected": gone,
        "collected_a_second": int(collected_rate), "bytes_a_commit": weight // commits, "file_bytes": weight, "file_bytes_after_as_many_more": _weight(path),
        "tables_bytes": _tables(path), "discrepancies": wrong,
        "half_of_t1_and_t2_us": {name: {"p50": one.p50_us, "p99": one.p99_us} for name, one in (("empty", empty), ("full", full), ("beside", beside))},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=20_000)
    parser.add_argument("--collect", type=int, help="rows of each kind to collect at most, and commits made afterwards (default: as many as were made)")
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder on a real disk")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    print(json.dumps(asyncio.run(measure(asked.folder, asked.commits, collect=asked.collect)), indent=2))


if __name__ == "__main__":
    main()
