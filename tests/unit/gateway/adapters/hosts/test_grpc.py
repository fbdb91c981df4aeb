"""The gRPC client: its phases and clocks, what travels with a call, and what it makes of a query's answer."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import grpc
import pytest

from countersign.host.v1 import host_pb2
from gateway.adapters.hosts.grpc import GrpcHost
from gateway.adapters.hosts.grpc_lines import RECEIVED_BYTES_MAX
from gateway.domain.host_answer import GrpcReply, NotSent, NotSentWhy, QueryFinding, Silent
from gateway.domain.limits import RESPONSE_BYTES_MAX
from gateway.ports.host import Delivery
from tests.fakes.clock import FakeClock
from tests.fakes.grpc_host import GrpcHostServer, GrpcTurn
from tests.fakes.raw_grpc_host import BEHAVIOURS, RawGrpcHost
from tests.fakes.wire import delivery, grpc_target


async def test_what_travels_with_a_call() -> None:
    """The message and the metadata name the key and the last moment; nothing of the caller's but its trace, written anew."""
    clock = FakeClock(now_ms=1_800_000_000_250)
    async with GrpcHostServer() as served:
        host = GrpcHost(replace(grpc_target(served.url), authorization="Bearer s3cret"), clock)
        await host.apply(delivery(clock))
        await host.close()

    [sent] = served.deliveries
    said = sent.message
    assert (said.payload, said.key, said.action) == (b'{"plan":"team_pro","seats":12}', "cs-1", "activate_plan")
    assert said.not_after.ToMilliseconds() == 1_800_000_010_250
    assert {name: value for name, value in sent.metadata.items() if name != "user-agent"} == {
        "idempotency-key": "cs-1",
        "not-after": "2027-01-15T08:00:10.250Z",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "authorization": "Bearer s3cret",
    }


@pytest.mark.parametrize("packed", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_an_answer_that_would_fill_the_memory_is_not_taken_and_says_nothing(packed: grpc.Compression) -> None:
    """Packed, it is a few kilobytes on the wire. The write may have been made: unknown."""
    clock = FakeClock()
    answer = host_pb2.ApplyResponse(response=bytes(RECEIVED_BYTES_MAX)).SerializeToString()
    async with GrpcHostServer(GrpcTurn(answer=answer), compression=packed) as served:
        host = GrpcHost(grpc_target(served.url), clock)
        seen = await host.apply(delivery(clock))
        await host.close()

    assert seen == GrpcReply(code="RESOURCE_EXHAUSTED", body=b"", body_truncated=False)
    assert len(served.deliveries) == 1


@pytest.mark.parametrize("bytes_of_it", [RESPONSE_BYTES_MAX, RESPONSE_BYTES_MAX + 1, 5 * 1024 * 1024])
async def test_an_answer_of_any_length_is_a_success(bytes_of_it: int) -> None:
    """Longer than is kept, and longer than a library takes by default: it was done, and is cut."""
    clock = FakeClock()
    async with GrpcHostServer(GrpcTurn(answer=host_pb2.ApplyResponse(response=b"r" * bytes_of_it).SerializeToString())) as served:
        host = GrpcHost(grpc_target(served.url), clock)
        seen = await host.apply(delivery(clock))
        await host.close()

    assert seen == GrpcReply(code="OK", body=b"r" * RESPONSE_BYTES_MAX, body_truncated=bytes_of_it > RESPONSE_BYTES_MAX)


async def test_a_large_payload_arrives_whole() -> None:
    """256 KiB, the ceiling."""
    clock, payload = FakeClock(), b'"' + b"x" * (256 * 1024 - 2) + b'"'
    async with GrpcHostServer() as served:
        host = GrpcHost(grpc_target(served.url), clock)
        await host.apply(replace(delivery(clock), payload=payload))
        await host.close()

    assert payload == served.deliveries[0].message.payload


class _ClockThatJumps(FakeClock):
    """Time passes between the first look and the second: as when connecting took long, or the process was stopped."""

    def __init__(self, *, wall_only: bool) -> None:
        super().__init__()
        self._wall_only = wall_only
        self._looks = 0

    def now_ms(self) -> int:
        self._looks += 1
        if self._looks == 2 and self._wall_only:
            self.set_wall(now_ms=super().now_ms() + 10_001)
        if self._looks == 1 and not self._wall_only:
            seen = super().now_ms()
            self.advance(ms=10_001)
            return seen
        return super().now_ms()


@pytest.mark.parametrize("wall_only", [True, False])
async def test_too_late_after_connecting(wall_only: bool) -> None:  # noqa: FBT001 - parametrised
    """The clocks are read again before the call is started; the line made in vain is not lost."""
    clock = _ClockThatJumps(wall_only=wall_only)
    write = delivery(FakeClock())
    async with GrpcHostServer() as served:
        host = GrpcHost(grpc_target(served.url), clock)
        late = await host.apply(write)
        in_time = await host.apply(delivery(clock, key="cs-2"))
        await host.close()

    assert isinstance(late, NotSent)
    assert late.why is NotSentWhy.TOO_LATE
    assert isinstance(in_time, GrpcReply)
    assert [sent.message.key for sent in served.deliveries] == ["cs-2"]


async def test_a_call_ends_with_the_last_moment_it_may_be_sent() -> None:
    """A library that waits for a lost connection must not send later: its deadline is not after ours."""
    clock = FakeClock()
    async with GrpcHostServer(GrpcTurn(hold=True)) as served:
        host = GrpcHost(grpc_target(served.url), clock)
        began_s = asyncio.get_running_loop().time()
        seen = await host.apply(replace(delivery(clock), not_after_ms=clock.now_ms() + 120))
        took_s = asyncio.get_running_loop().time() - began_s
        await host.close()

    assert isinstance(seen, Silent)
    assert took_s < 4


FLAWS: Final[dict[str, Callable[[Delivery], Delivery]]] = {
    "a line break in the key": lambda write: replace(write, key="cs-1\r\nX: y"),
    "no key": lambda write: replace(write, key=""),
    "a key beyond ASCII": lambda write: replace(write, key="cs-ä"),
    "no date": lambda write: replace(write, not_after_ms=10**18),
    "another target": lambda write: replace(write, target="another"),
}


@pytest.mark.parametrize("flaw", FLAWS)
async def test_what_cannot_be_written_is_not_sent(flaw: str) -> None:
    """Not a connection, not a byte."""
    clock = FakeClock()
    async with RawGrpcHost(BEHAVIOURS["ok"]) as raw:
        host = GrpcHost(grpc_target(raw.url), clock)
        seen = await host.apply(FLAWS[flaw](delivery(clock)))
        await host.close()

    assert isinstance(seen, NotSent)
    assert raw.connections == 0


@pytest.mark.parametrize(
    ("says", "finding", "body"),
    [
        (host_pb2.QueryResponse(state=host_pb2.KEY_STATE_APPLIED, response=b"{}"), QueryFinding.APPLIED, b"{}"),
        (host_pb2.QueryResponse(state=host_pb2.KEY_STATE_APPLIED, response=b"r" * (RESPONSE_BYTES_MAX + 1)), QueryFinding.APPLIED, b""),
        (host_pb2.QueryResponse(state=host_pb2.KEY_STATE_IN_PROGRESS, response=b"{}"), QueryFinding.IN_PROGRESS, b""),
        (host_pb2.QueryResponse(state=host_pb2.KEY_STATE_NOT_FOUND), QueryFinding.NOT_FOUND, b""),
        (host_pb2.QueryResponse(), QueryFinding.NO_ANSWER, b""),
    ],
)
async def test_what_a_query_says(says: host_pb2.QueryResponse, finding: QueryFinding, body: bytes) -> None:
    """Only what is exactly said is believed; an answer over the cap is still APPLIED."""
    clock = FakeClock()
    async with GrpcHostServer(says=says) as served:
        host = GrpcHost(grpc_target(served.url, "query"), clock)
        answer = await host.query(key="cs-9", deadline_s=asyncio.get_running_loop().time() + 5)
        await host.close()

    assert (answer.finding, answer.body, answer.status) == (finding, body, 0)
    assert served.queries == ["cs-9"]


@pytest.mark.parametrize("name", ["refused_in_trailers_only", "read_then_close", "hangs_up_on_accept", "ok_of_another_kind"])
async def test_a_query_that_fails_says_nothing(name: str) -> None:
    """NO_ANSWER, whatever went wrong."""
    clock = FakeClock()
    async with RawGrpcHost(BEHAVIOURS[name]) as raw:
        host = GrpcHost(grpc_target(raw.url, "query"), clock)
        answer = await host.query(key="cs-9", deadline_s=asyncio.get_running_loop().time() + 5)
        await host.close()

    assert answer.finding is QueryFinding.NO_ANSWER


async def test_a_target_that_declares_no_query_is_not_asked() -> None:
    """Not even a connection."""
    clock = FakeClock()
    async with RawGrpcHost(BEHAVIOURS["ok"]) as raw:
        host = GrpcHost(grpc_target(raw.url, "dedupe"), clock)
        answer = await host.query(key="cs-9", deadline_s=asyncio.get_running_loop().time() + 5)
        await host.close()

    assert answer.finding is QueryFinding.NO_ANSWER
    assert raw.connections == 0
