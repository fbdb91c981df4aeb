"""The connections to a gRPC target: reached, verified, shared, bounded, left alone, closed under us."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from gateway.adapters.hosts.grpc import GrpcHost
from gateway.adapters.hosts.grpc_lines import Line, Lines
from gateway.domain.host_answer import GrpcReply, NotSent, NotSentWhy, Silent
from tests.fakes.clock import FakeClock
from tests.fakes.grpc_host import GrpcHostServer, GrpcTurn
from tests.fakes.raw_grpc_host import BEHAVIOURS, RawGrpcHost
from tests.fakes.wire import AUTHORITY_PEM, HOST_PEM, delivery, grpc_target


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


@pytest.mark.parametrize("asks", [False, True])
async def test_a_line_that_did_not_answer_in_time_is_not_used_again(asks: bool) -> None:  # noqa: FBT001 - parametrised
    """What swallowed one call would swallow the next: that one connects, and where it cannot it was not sent."""
    clock = FakeClock()
    async with RawGrpcHost(BEHAVIOURS["never_answers"], BEHAVIOURS["ok"]) as raw:
        host = GrpcHost(replace(grpc_target(raw.url, "query"), call_timeout_ms=5_000 if asks else 200), clock)
        if asks:
            await host.query(key="cs-1", deadline_s=asyncio.get_running_loop().time() + 0.2)
        else:
            await host.apply(delivery(clock, key="cs-1"))
        seen = await host.apply(delivery(clock, key="cs-2"))
        await host.close()

    assert isinstance(seen, GrpcReply)
    assert raw.connections == 2


async def test_what_is_under_way_on_a_doubted_line_ends_there() -> None:
    """It is closed when its last call has been answered, and nobody takes it meanwhile."""
    async with RawGrpcHost(BEHAVIOURS["ok"]) as raw:
        lines = Lines(grpc_target(raw.url))
        late, well = await lines.take(), await lines.take()
        assert isinstance(late, Line)
        assert well is late
        lines.doubt(late)
        lines.give(late)
        other = await lines.take()
        assert isinstance(other, Line)
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = well.channel.unary_unary("/countersign.host.v1.HostService/Apply")
        answered = await call(b"")
        lines.give(well)
        lines.give(other)
        async with asyncio.timeout(5):
            while raw.open > 1:
                await raw.changed()
        await lines.close()

    assert answered
    assert other is not late
    assert raw.connections == 2


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
