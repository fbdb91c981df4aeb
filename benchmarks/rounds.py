"""Rounds: the floor and the governed path take turns, at each number of calls in flight, so that a bad moment of the machine meets both.

1. Within a round the order turns, so that neither is always the one that comes second.
2. Of every piece is kept: how long, how much processor time of whom, and what the host says reached it.
3. Rounds stop when the time is used up; fewer than `ROUNDS_MIN` are no measurement.
"""

import asyncio
import json
import os
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from benchmarks.load import Line, Piece, closed_loop, waves
from benchmarks.machine import cpu_s
from benchmarks.statistics import percentile
from benchmarks.terms import Requests

ROUNDS_MIN: Final = 3
_COUNT_S_MAX: Final = 5.0
_REST_S: Final = 0.1


class Kind(StrEnum):
    FLOOR = "floor"
    BUNCHED = "floor, bunched"
    GOVERNED = "governed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    rounds: int
    calls: Mapping[int, int]  # in flight → calls of one piece
    bunch: int  # calls of one wave of the bunched floor; one of the numbers in flight
    run_size: int  # commits of one run
    time_s_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What the host says."""

    effects: int
    keys: int
    unkeyed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One piece of one round."""

    round: int  # 0 is the warm-up: counted, not measured
    kind: Kind
    in_flight: int
    calls: int
    elapsed_s: float
    p50_ms: float
    p99_ms: float
    succeeded: int
    effects: int  # what reached the host meanwhile
    keys: int
    unkeyed: int
    server_s: float  # processor time of the floor or the gateway, meanwhile
    opa_s: float
    others_s: float  # client and host

    @property
    def per_s(self) -> float:
        return self.calls / self.elapsed_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that runs."""

    host_url: str
    host_pid: int
    floor_pid: int
    gateway_pid: int
    opa_pid: int
    floor: Line
    gateway: Line
    requests: Requests

    def server_pid(self, kind: Kind) -> int:
        return self.gateway_pid if kind is Kind.GOVERNED else self.floor_pid


async def measure(stage: Stage, plan: Plan, *, tell: Callable[[str], None]) -> list[Sample]:
    """The warm-up and every round. Raises `CallFailed`."""
    began_s = time.monotonic()
    samples = [await _piece(stage, plan, 0, kind, in_flight) for kind, in_flight in order(plan, 0)]
    longest_s = 0.0
    for number in range(1, plan.rounds + 1):
        round_s = time.monotonic()
        if number > ROUNDS_MIN and round_s - began_s + longest_s > plan.time_s_max:
            tell(f"time is used up after {number - 1} rounds")
            break
        samples += [await _piece(stage, plan, number, kind, in_flight) for kind, in_flight in order(plan, number)]
        longest_s = max(longest_s, time.monotonic() - round_s)
        tell(f"round {number} of {plan.rounds}: {longest_s:.1f} s")
    return samples


def order(plan: Plan, number: int) -> Sequence[tuple[Kind, int]]:
    """What a round does, in turn."""
    turns: list[tuple[Kind, int]] = []
    for in_flight in plan.calls:
        kinds = [Kind.FLOOR, Kind.GOVERNED, *([Kind.BUNCHED] if in_flight == plan.bunch else [])]
        first = number % len(kinds)
        turns += [(kind, in_flight) for kind in kinds[first:] + kinds[:first]]
    return turns


async def _piece(stage: Stage, plan: Plan, number: int, kind: Kind, in_flight: int) -> Sample:
    requests = stage.requests.take(plan.calls[in_flight])
    await asyncio.sleep(_REST_S)  # what the last piece left to be tidied is not this one's
    counted, spent = await count(stage.host_url), _spent(stage, kind)
    piece = await _load(stage, kind, requests, in_flight)
    spent_after = _spent(stage, kind)
    after = await count(stage.host_url)
    return Sample(
        round=number, kind=kind, in_flight=in_flight, calls=piece.calls, elapsed_s=piece.elapsed_s,
        p50_ms=percentile(piece.latencies_ms, share=0.5), p99_ms=percentile(piece.latencies_ms, share=0.99), succeeded=piece.succeeded,
        effects=after.effects - counted.effects, keys=after.keys - counted.keys, unkeyed=after.unkeyed - counted.unkeyed,
        server_s=spent_after[0] - spent[0], opa_s=spent_after[1] - spent[1], others_s=spent_after[2] - spent[2],
    )  # fmt: skip


async def _load(stage: Stage, kind: Kind, requests: Sequence[bytes], in_flight: int) -> Piece:
    match kind:
        case Kind.FLOOR:
            return await closed_loop(stage.floor.send, requests, in_flight=in_flight)
        case Kind.BUNCHED:
            return await waves(stage.floor.send, requests, size=in_flight)
        case Kind.GOVERNED:
            return await closed_loop(stage.gateway.send, requests, in_flight=in_flight)


def _spent(stage: Stage, kind: Kind) -> tuple[float, float, float]:
    """Processor time so far: (server, OPA, client and host)."""
    return cpu_s(stage.server_pid(kind)), cpu_s(stage.opa_pid), cpu_s(os.getpid()) + cpu_s(stage.host_pid)


async def count(host_url: str) -> Count:
    """Asks the host."""

    def ask() -> bytes:
        with urllib.request.urlopen(f"{host_url}/count", timeout=_COUNT_S_MAX) as answer:  # noqa: S310 - our own child on loopback
            read: bytes = answer.read()
            return read

    return Count(**json.loads(await asyncio.to_thread(ask)))
