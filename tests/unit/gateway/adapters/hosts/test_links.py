"""Connections: kept where that is allowed, checked before they are used, bounded, verified, closed."""

import asyncio
import socket
import ssl
import struct
from dataclasses import replace

import pytest

from gateway.adapters.hosts.http import HttpHost
from gateway.adapters.hosts.links import Links
from gateway.domain.host_answer import HttpReply, NotSent, NotSentWhy, Silent
from tests.fakes.clock import FakeClock
from tests.fakes.raw_host import BEHAVIOURS, RawHost, Script, reply
from tests.fakes.wire import AUTHORITY_PEM, HOST_PEM, delivery, target


def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(HOST_PEM)
    return context


@pytest.mark.parametrize(("mode", "connections"), [("dedupe", 1), ("none", 3)])
async def test_mode_none_gets_a_fresh_connection_for_every_request(mode: str, connections: int) -> None:
    """A host that cannot recognise a key gets no connection that may have been closed under us."""
    clock = FakeClock()
    async with RawHost() as raw:
        host = HttpHost(target(raw.url, "none" if mode == "none" else "dedupe"), clock)
        seen = [await host.apply(delivery(clock, key=f"cs-{n}")) for n in range(3)]
        await host.close()

    assert all(isinstance(one, HttpReply) for one in seen)
    assert connections == raw.connections
    assert [request.headers.get("connection") for request in raw.deliveries] == ["close" if mode == "none" else None] * 3


@pytest.mark.parametrize("name", ["close_idle_keepalive", "ok_says_close", "ok_until_close"])
async def test_an_idle_connection_closed_under_us_is_not_used(name: str) -> None:
    """The end-of-file check sees it, also when the loop has not: both requests are answered, each delivered once."""
    clock = FakeClock()
    async with RawHost(BEHAVIOURS[name]) as raw:
        host = HttpHost(target(raw.url), clock)
        first = await host.apply(delivery(clock, key="cs-1"))
        await raw.until(lambda: raw.ended == 1)
        second = await host.apply(delivery(clock, key="cs-2"))
        await host.close()

    assert isinstance(first, HttpReply)
    assert isinstance(second, HttpReply)
    assert [request.headers["idempotency-key"] for request in raw.deliveries] == ["cs-1", "cs-2"]
    assert raw.connections == 2


async def test_an_answer_nobody_asked_for_is_never_taken_for_the_next_one() -> None:
    """Two answers to one request: the second is thrown away with its connection."""
    clock = FakeClock()
    async with RawHost(Script(send=reply(201, b'"first"') + reply(201, b'"stray"')), Script(send=reply(409))) as raw:
        host = HttpHost(target(raw.url), clock)
        first = await host.apply(delivery(clock, key="cs-1"))
        second = await host.apply(delivery(clock, key="cs-2"))
        await host.close()

    assert isinstance(first, HttpReply)
    assert first.body == b'"first"'
    assert isinstance(second, HttpReply)
    assert second.status == 409
    assert raw.connections == 2


@pytest.mark.parametrize("what", ["bytes", "end", "reset"])
async def test_what_arrives_while_idle_ends_the_connection(what: str) -> None:
    """Seen by asking the system: between the host's act and our check the loop has had no turn to read anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        links = Links(target(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        link = await links.take()
        theirs, _ = listener.accept()
        with theirs:
            assert not isinstance(link, NotSent)
            links.give(link)
            if what == "bytes":
                theirs.sendall(reply(201, b'"stray"'))
            elif what == "end":
                theirs.shutdown(socket.SHUT_WR)
            else:
                theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                theirs.close()
            other = await links.take()

            assert not isinstance(other, NotSent)
            assert other is not link
            assert not link.is_open
            links.give(other)
            await links.close()


async def test_what_the_loop_reads_while_idle_ends_the_connection() -> None:
    """The same bytes, read by the loop before anybody takes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        links = Links(target(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        link = await links.take()
        theirs, _ = listener.accept()
        with theirs:
            assert not isinstance(link, NotSent)
            links.give(link)
            theirs.sendall(reply(201, b'"stray"'))
            await asyncio.to_thread(theirs.recv, 1)  # returns when our end is closed

            assert not link.is_open
            await links.close()


async def test_an_idle_connection_closes_itself() -> None:
    """Idle longer than declared: closed by us, before the host does it."""
    clock = FakeClock()
    async with RawHost() as raw:
        host = HttpHost(replace(target(raw.url), idle_ms_max=30), clock)
        await host.apply(delivery(clock, key="cs-1"))
        await raw.until(lambda: raw.ended == 1)
        seen = await host.apply(delivery(clock, key="cs-2"))
        await host.close()

    assert isinstance(seen, HttpReply)
    assert raw.connections == 2


async def test_no_more_connections_than_declared() -> None:
    """Twenty at once over three connections: all are answered, each delivered once."""
    clock = FakeClock()
    async with RawHost() as raw:
        host = HttpHost(replace(target(raw.url), pool_max=3), clock)
        seen = await asyncio.gather(*(host.apply(delivery(clock, key=f"cs-{n}")) for n in range(20)))
        await host.close()

    assert all(isinstance(one, HttpReply) for one in seen)
    assert sorted(request.headers["idempotency-key"] for request in raw.deliveries) == sorted(f"cs-{n}" for n in range(20))
    assert raw.connections <= 3


async def test_waiting_for_a_connection_is_part_of_connecting() -> None:
    """All connections busy for longer than the connect phase: not sent."""
    clock = FakeClock()
    async with RawHost(BEHAVIOURS["never_answers"]) as raw:
        host = HttpHost(replace(target(raw.url), pool_max=1, connect_timeout_ms=80), clock)
        busy = asyncio.create_task(host.apply(delivery(clock, key="cs-1")))
        await raw.until(lambda: len(raw.deliveries) == 1)
        seen = await host.apply(delivery(clock, key="cs-2"))
        await host.close()

        assert isinstance(await busy, Silent)
    assert isinstance(seen, NotSent)
    assert seen.why is NotSentWhy.NOT_REACHED
    assert len(raw.deliveries) == 1


async def test_after_close_nothing_is_sent() -> None:
    """Also a request that was waiting for a connection."""
    clock = FakeClock()
    async with RawHost() as raw:
        host = HttpHost(target(raw.url), clock)
        await host.close()
        seen = await host.apply(delivery(clock))

    assert isinstance(seen, NotSent)
    assert raw.connections == 0


async def test_tls_to_a_host_whose_authority_is_declared() -> None:
    """Kept alive over TLS too; session tickets are not mistaken for data."""
    clock = FakeClock()
    async with RawHost(tls=_tls()) as raw:
        host = HttpHost(replace(target(raw.url), ca_file=str(AUTHORITY_PEM)), clock)
        seen = [await host.apply(delivery(clock, key=f"cs-{n}")) for n in range(3)]
        await host.close()

    assert all(isinstance(one, HttpReply) for one in seen)
    assert len(raw.deliveries) == 3
    assert raw.connections <= 2


@pytest.mark.parametrize("name", ["read_then_close", "read_then_reset", "half_header", "half_body", "ok_until_close", "huge_body"])
async def test_tls_sees_what_plain_sees(name: str) -> None:
    """Breaks after the first byte are silence, breaks after the header are replies."""
    clock = FakeClock()
    async with RawHost(BEHAVIOURS[name], tls=_tls()) as raw:
        host = HttpHost(replace(target(raw.url), ca_file=str(AUTHORITY_PEM)), clock)
        seen = await host.apply(delivery(clock, method="PUT"))
        await host.close()

    assert isinstance(seen, HttpReply if name in {"half_body", "ok_until_close", "huge_body"} else Silent)
    assert len(raw.deliveries) == 1


async def test_a_certificate_nobody_vouches_for_is_not_sent_to() -> None:
    """The handshake is before any byte of a request."""
    clock = FakeClock()
    async with RawHost(tls=_tls()) as raw:
        host = HttpHost(target(raw.url), clock)
        seen = await host.apply(delivery(clock))
        await host.close()

    assert isinstance(seen, NotSent)
    assert seen.why is NotSentWhy.NOT_REACHED
    assert "certificate" in seen.detail.lower()
    assert raw.deliveries == []


async def test_a_certificate_for_another_name_is_not_sent_to() -> None:
    """The right authority, the wrong host."""
    clock = FakeClock()
    async with RawHost(tls=_tls()) as raw:
        host = HttpHost(replace(target(raw.url.replace("127.0.0.1", "localhost")), ca_file=str(AUTHORITY_PEM)), clock)
        seen = await host.apply(delivery(clock))
        await host.close()

    assert isinstance(seen, NotSent)
    assert raw.deliveries == []


async def test_plain_http_to_a_tls_port_and_back() -> None:
    """A scheme mixed up is never taken for a success."""
    clock = FakeClock()
    async with RawHost(tls=_tls()) as secure, RawHost(BEHAVIOURS["garbage"]) as plain:
        to_secure = HttpHost(replace(target(secure.url.replace("https", "http")), read_timeout_ms=500), clock)
        to_plain = HttpHost(replace(target(plain.url.replace("http", "https")), connect_timeout_ms=500), clock)
        seen = [await to_secure.apply(delivery(clock)), await to_plain.apply(delivery(clock))]
        await to_secure.close()
        await to_plain.close()

    assert [type(one) for one in seen] == [Silent, NotSent]
    assert secure.deliveries == plain.deliveries == []


def test_a_ca_file_that_cannot_be_used() -> None:
    """Refused when the target is made, naming the file."""
    with pytest.raises(ValueError, match="no-such-file"):
        HttpHost(replace(target("https://127.0.0.1:1"), ca_file="no-such-file.pem"), FakeClock())
