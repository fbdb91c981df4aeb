"""The gRPC client: its phases and clocks, what travels with a call, its lines, and what it makes of a query's answer."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import grpc
import pytest

from countersign.host.v1 import host_pb2
from gateway.adapters.hosts.grpc import GrpcHost
from gateway.adapters.hosts.grpc_lines import Line, Lines
from gateway.domain.host_answer import GrpcReply, NotSent, NotSentWhy, QueryFinding, Silent
from gateway.domain.limits import RESPONSE_BYTES_MAX
from gateway.ports.host import Delivery
from tests.fakes.clock import FakeClock
from tests.fakes.grpc_host import GrpcHostServer, GrpcTurn
from tests.fakes.raw_grpc_host import BEHAVIOURS, RawGrpcHost
from tests.fakes.wire import AUTHORITY_PEM, HOST_PEM, delivery, grpc_target


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


async def test_connection_refused_is_not_sent() -> None:
    """Nobody listens: nothing left, and it is known at once."""
    clock = FakeClock()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        host = GrpcHost(grpc_target(f"grpc://127.0.0.1:{taken.getsockname()[1]}"), clock)
        seen = await host.apply(delivery(clock))
        await host.close()

    assert isinstance(seen, NotSent)
    assert seen.why is NotSentWhy.NOT_REACHED


@pytest.mark.parametrize("url", ["grpc://no-such-host.invalid:9000", "unix:/no/such/socket"])
async def test_a_host_that_is_nowhere_is_not_sent(url: str) -> None:
    """Resolving belongs to the connect phase, and so does a socket that is not there."""
    clock = FakeClock()
    host = GrpcHost(grpc_target(url), clock)

    seen = await host.apply(delivery(clock))

    await host.close()
    assert isinstance(seen, NotSent)


@pytest.mark.parametrize("networks", [("10.0.0.0/8",), ("::/0",), ("127.0.0.2/32", "192.168.0.0/16")])
async def test_an_address_outside_the_networks_is_not_connected_to(networks: tuple[str, ...]) -> None:
    """Checked before connecting: the host sees not even a connection; no place stays taken."""
    clock = FakeClock()
    async with RawGrpcHost(BEHAVIOURS["ok"]) as raw:
        host = GrpcHost(replace(grpc_target(raw.url), networks=networks, calls_max=1), clock)
        seen = [await host.apply(delivery(clock)) for _ in range(2)]
        await host.close()

    assert all(isinstance(one, NotSent) and "networks" in one.detail for one in seen)
    assert raw.connections == 0


async def test_over_a_unix_socket(tmp_path: Path) -> None:
    """The folder is what guards it."""
    clock = FakeClock()
    async with GrpcHostServer(folder=tmp_path) as served:
        host = GrpcHost(grpc_target(served.url), clock)
        seen = await host.apply(delivery(clock))
        await host.close()

    assert isinstance(seen, GrpcReply)
    assert len(served.deliveries) == 1


def _server_credentials() -> grpc.ServerCredentials:
    pem = HOST_PEM.read_bytes()
    return grpc.ssl_server_credentials([(pem, pem)])


async def test_a_host_is_verified_by_the_authority_declared() -> None:
    """The right authority: answered. Another one, or none: not sent, for nothing was said before that was known."""
    clock = FakeClock()
    async with GrpcHostServer(tls=_server_credentials()) as served:
        seen = []
        for ca_file in (str(AUTHORITY_PEM), str(AUTHORITY_PEM.with_name("callers.pem")), None):
            host = GrpcHost(replace(grpc_target(served.url), ca_file=ca_file), clock)
            seen.append(await host.apply(delivery(clock)))
            await host.close()

    assert [type(one) for one in seen] == [GrpcReply, NotSent, NotSent]
    assert len(served.deliveries) == 1


def test_a_ca_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """At start, with its name."""
    (tmp_path / "ca.pem").write_text("no certificate")
    for file in ("ca.pem", "missing.pem"):
        with pytest.raises(ValueError, match=file):
            GrpcHost(replace(grpc_target("grpcs://127.0.0.1:1"), ca_file=str(tmp_path / file)), FakeClock())


@pytest.mark.parametrize(("mode", "connections"), [("dedupe", 1), ("query", 1), ("none", 3)])
async def test_mode_none_gets_a_fresh_line_for_every_call(mode: str, connections: int) -> None:
    """A host that cannot recognise a key gets no line that may have been closed under us."""
    clock = FakeClock()
    async with RawGrpcHost(BEHAVIOURS["ok"]) as raw:
        host = GrpcHost(grpc_target(raw.url, "none" if mode == "none" else "query" if mode == "query" else "dedupe"), clock)
        seen = [await host.apply(delivery(clock, key=f"cs-{n}")) for n in range(3)]
        await host.close()

    assert all(isinstance(one, GrpcReply) for one in seen)
    assert (len(raw.deliveries), raw.connections) == (3, connections)


async def test_calls_at_once_share_a_line_and_are_bounded() -> None:
    """Two at once over one connection; the third waits for a place within the time to connect, and was not sent."""
    clock = FakeClock()
    async with GrpcHostServer(GrpcTurn(hold=True)) as served:
        host = GrpcHost(replace(grpc_target(served.url), calls_max=2, connect_timeout_ms=300), clock)
        held = [asyncio.create_task(host.apply(delivery(clock, key=f"cs-{n}"))) for n in range(2)]
        await served.until_reached(2)
        third = await host.apply(delivery(clock, key="cs-3"))
        await host.close()
        seen = await asyncio.gather(*held)

    assert isinstance(third, NotSent)
    assert all(isinstance(one, Silent) for one in seen)
    assert len(served.deliveries) == 2


async def test_a_line_that_idled_too_long_is_closed() -> None:
    """Before the host's own limit closes it under us."""
    clock = FakeClock()
    async with RawGrpcHost(BEHAVIOURS["ok"]) as raw:
        host = GrpcHost(replace(grpc_target(raw.url), idle_ms_max=1), clock)
        await host.apply(delivery(clock, key="cs-1"))
        async with asyncio.timeout(5):
            while raw.open:
                await raw.changed()
        await host.apply(delivery(clock, key="cs-2"))
        await host.close()

    assert (len(raw.deliveries), raw.connections) == (2, 2)


async def test_a_line_closed_under_us_is_not_used() -> None:
    """What is taken is ready: a line that the host has hung up on is left, and another is made."""
    async with RawGrpcHost(BEHAVIOURS["ok_then_close"]) as raw:
        lines = Lines(grpc_target(raw.url))
        first = await lines.take()
        assert isinstance(first, Line)
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = first.channel.unary_unary("/countersign.host.v1.HostService/Apply")
        await call(b"")
        lines.give(first)
        await first.channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
        second = await lines.take()
        assert isinstance(second, Line)
        ready = second.is_ready()
        lines.give(second)
        await lines.close()

    assert second is not first
    assert ready
    assert raw.connections == 2


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
