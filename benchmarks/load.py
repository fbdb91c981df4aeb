"""The callers of a benchmark: bounded numbers of calls over one channel, answers read only when the clock has stopped.

1. A closed loop keeps a number of calls in flight until its requests are used up. A wave sends that many together and waits for all of them.
2. A call that fails ends the benchmark: what is compared is work done.
3. One channel to one unix socket, the library's own retries off: a call is sent once.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

from benchmarks.terms import COMMIT, DEADLINE_S
from countersign.v1 import gateway_pb2, types_pb2

_OPTIONS: Final = (("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1))

Send = Callable[[bytes], Awaitable[bytes]]


class CallFailed(Exception):
    """A call had no answer, or an answer that is no success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One measured piece of load."""

    calls: int
    elapsed_s: float
    latencies_ms: list[float]  # one a call, in order of ending
    succeeded: int  # answers that say SUCCEEDED, and were not replayed

    @property
    def per_s(self) -> float:
        return self.calls / self.elapsed_s


class Line:
    """One channel. `open` returns when somebody answers at its other end; whoever waits bounds the time."""

    def __init__(self, socket: Path) -> None:
        self._channel = grpc.aio.insecure_channel(f"unix:{socket}", options=_OPTIONS)
        self._commit: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(COMMIT)

    async def open(self) -> None:
        await self._channel.channel_ready()

    async def send(self, request: bytes) -> bytes:
        """Raises `CallFailed`."""
        try:
            answer: bytes = await self._commit(request, timeout=DEADLINE_S)
        except grpc.aio.AioRpcError as failed:
            raise CallFailed(f"a commit was answered {failed.code().name}: {failed.details()}") from failed
        return answer

    async def close(self) -> None:
        await self._channel.close()


async def closed_loop(send: Send, requests: Sequence[bytes], *, in_flight: int) -> Piece:
    """Raises `CallFailed`."""
    left = iter(requests)
    timed: list[tuple[int, bytes]] = []

    async def one(request: bytes) -> None:
        timed.append(await _timed(send, request))

    async def caller() -> None:
        for request in left:  # what the callers share
            await one(request)

    gc.collect()
    began_ns = time.perf_counter_ns()
    await _together([caller() for _ in range(in_flight)])
    return _piece(timed, elapsed_ns=time.perf_counter_ns() - began_ns)


async def waves(send: Send, requests: Sequence[bytes], *, size: int) -> Piece:
    """Raises `CallFailed`."""
    timed: list[tuple[int, bytes]] = []

    async def caller(request: bytes) -> None:
        timed.append(await _timed(send, request))

    gc.collect()
    began_ns = time.perf_counter_ns()
    for first in range(0, len(requests), size):
        await _together([caller(request) for request in requests[first : first + size]])
    return _piece(timed, elapsed_ns=time.perf_counter_ns() - began_ns)


async def _timed(send: Send, request: bytes) -> tuple[int, bytes]:
    began_ns = time.perf_counter_ns()
    answer = await send(request)
    return time.perf_counter_ns() - began_ns, answer


async def _together(callers: Sequence[Awaitable[None]]) -> None:
    """Ends with the first failure; the others are cancelled and waited for."""
    tasks = [asyncio.ensure_future(caller) for caller in callers]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _piece(timed: Sequence[tuple[int, bytes]], *, elapsed_ns: int) -> Piece:
    answers = [gateway_pb2.CommitResponse.FromString(answer) for _, answer in timed]
    succeeded = sum(not answer.replayed and answer.commit.outcome == types_pb2.OUTCOME_SUCCEEDED for answer in answers)
    return Piece(calls=len(timed), elapsed_s=elapsed_ns / 1e9, latencies_ms=[span / 1e6 for span, _ in timed], succeeded=succeeded)
