"""The three phases and the two clocks: what is `NotSent`, what is silence, and that a request is written whole, once, and in time."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from gateway.adapters.hosts.http import HttpHost
from gateway.domain.host_answer import HttpReply, NotSent, NotSentWhy, Silent
from gateway.ports.host import Delivery
from tests.fakes.clock import FakeClock
from tests.fakes.raw_host import BEHAVIOURS, RawHost, Read, Script, Then, reply
from tests.fakes.wire import delivery, target


class _ClockThatJumps(FakeClock):
    """Time passes between the first look and the second: as when connecting took long, or the process was stopped."""

    def __init__(self, *, by_ms: int, wall_only: bool) -> None:
        super().__init__()
        self._by_ms = by_ms
        self._wall_only = wall_only
        self._looks = 0

    def now_ms(self) -> int:
        self._looks += 1
        if self._looks == 2 and self._wall_only:
            self.set_wall(now_ms=super().now_ms() + self._by_ms)
        if self._looks == 1 and not self._wall_only:
            seen = super().now_ms()
            self.advance(ms=self._by_ms)
            return seen
        return super().now_ms()


async def test_what_is_written() -> None:
    """The head names the key, the last moment and the trace; the payload is the approved bytes."""
    clock = FakeClock(now_ms=1_800_000_000_250)
    async with RawHost() as raw:
        host = HttpHost(replace(target(raw.url), authorization="Bearer s3cret"), clock)
        await host.apply(delivery(clock, method="PUT"))
        await host.close()

    sent = raw.deliveries[0]
    assert (sent.method, sent.path, sent.body) == ("PUT", "/accounts/acme/subscriptions", b'{"plan":"team_pro","seats":12}')
    assert sent.headers == {
        "host": f"127.0.0.1:{raw.port}",
        "user-agent": "countersign",
        "accept": "application/json",
        "authorization": "Bearer s3cret",
        "content-type": "application/json",
        "content-length": "30",
        "idempotency-key": "cs-1",
        "not-after": "2027-01-15T08:00:10.250Z",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }


@pytest.mark.parametrize("which", ["not_after_ms", "send_by_s"])
async def test_too_late_before_connecting(which: str) -> None:
    """Either clock alone stops the request; the very last moment is still in time."""
    clock = FakeClock()
    last = {"not_after_ms": clock.now_ms(), "send_by_s": clock.boot_s()}
    passed = {"not_after_ms": clock.now_ms() - 1, "send_by_s": clock.boot_s() - 0.001}
    async with RawHost() as raw:
        host = HttpHost(target(raw.url), clock)
        late = await host.apply(_moved(delivery(clock, key="cs-late"), which, passed[which]))
        in_time = await host.apply(_moved(delivery(clock, key="cs-last"), which, last[which]))
        await host.close()

    assert isinstance(late, NotSent)
    assert late.why is NotSentWhy.TOO_LATE
    assert isinstance(in_time, HttpReply)
    assert [request.headers["idempotency-key"] for request in raw.deliveries] == ["cs-last"]


@pytest.mark.parametrize("wall_only", [True, False])
async def test_too_late_after_connecting(wall_only: bool) -> None:  # noqa: FBT001 - parametrised
    """The clocks are read again immediately before the first byte; the connection made in vain is not lost."""
    clock = _ClockThatJumps(by_ms=10_001, wall_only=wall_only)
    write = delivery(FakeClock())
    async with RawHost() as raw:
        host = HttpHost(target(raw.url), clock)
        late = await host.apply(write)
        in_time = await host.apply(delivery(clock, key="cs-2"))
        await host.close()

    assert isinstance(late, NotSent)
    assert late.why is NotSentWhy.TOO_LATE
    assert isinstance(in_time, HttpReply)
    assert [request.headers["idempotency-key"] for request in raw.deliveries] == ["cs-2"]
    assert raw.connections == 1


async def test_connection_refused_is_not_sent() -> None:
    """Nobody listens: nothing left."""
    clock = FakeClock()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        host = HttpHost(target(f"http://127.0.0.1:{taken.getsockname()[1]}"), clock)
        seen = await host.apply(delivery(clock))
        await host.close()

    assert isinstance(seen, NotSent)
    assert seen.why is NotSentWhy.NOT_REACHED


async def test_a_host_that_does_not_accept_is_not_sent() -> None:
    """The connect phase has its own time: a full backlog swallows the handshake."""
    clock = FakeClock()
    with socket.socket() as full, socket.socket() as filler, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for other in (filler, second):
            other.settimeout(0)
            other.connect_ex(full.getsockname())
        host = HttpHost(replace(target(f"http://127.0.0.1:{full.getsockname()[1]}"), connect_timeout_ms=80), clock)
        seen = await host.apply(delivery(clock))
        await host.close()

    assert isinstance(seen, NotSent)
    assert seen.why is NotSentWhy.NOT_REACHED
    assert "0.08 s" in seen.detail


async def test_a_name_nobody_knows_is_not_sent() -> None:
    """Resolving belongs to the connect phase."""
    clock = FakeClock()
    host = HttpHost(target("http://no-such-host.invalid"), clock)

    seen = await host.apply(delivery(clock))

    await host.close()
    assert isinstance(seen, NotSent)
    assert seen.why is NotSentWhy.NOT_REACHED


@pytest.mark.parametrize("networks", [("10.0.0.0/8",), ("::/0",), ("127.0.0.2/32", "192.168.0.0/16")])
async def test_an_address_outside_the_networks_is_not_connected_to(networks: tuple[str, ...]) -> None:
    """Checked before connecting: the host sees not even a connection; what was not sent leaves no connection's place taken."""
    clock = FakeClock()
    async with RawHost() as raw:
        host = HttpHost(replace(target(raw.url), networks=networks, pool_max=1), clock)
        seen = [await host.apply(delivery(clock)) for _ in range(2)]
        await host.close()

    for one in seen:
        assert isinstance(one, NotSent)
        assert one.why is NotSentWhy.NOT_REACHED
        assert "networks" in one.detail
    assert raw.connections == 0


async def test_a_host_that_never_reads_is_silent_after_the_send_phase() -> None:
    """The payload does not fit into the buffers and nobody empties them: bytes have left, so this is silence."""
    clock = FakeClock()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        host = HttpHost(replace(target(f"http://127.0.0.1:{listener.getsockname()[1]}"), send_timeout_ms=80), clock)
        seen = await host.apply(replace(delivery(clock), payload=b" " * 16_000_000))
        await host.close()

    assert seen == Silent("the request could not be sent in time")


@pytest.mark.parametrize(("status", "expected"), [(413, HttpReply), (201, Silent)])
async def test_an_answer_before_the_request_is_sent(status: int, expected: type) -> None:
    """A refusal may come early and is believed, a success of what was not sent in full is not; neither leaves half a request before the next one."""
    clock = FakeClock()
    async with RawHost(Script(read=Read.HEAD, send=reply(status), then=Then.HOLD_UNREAD), BEHAVIOURS["ok"]) as raw:
        host = HttpHost(target(raw.url), clock)
        seen = await host.apply(replace(delivery(clock), payload=b" " * 16_000_000))
        after = await host.apply(delivery(clock, key="cs-2"))
        await host.close()

    assert isinstance(seen, expected)
    assert isinstance(after, HttpReply)
    assert [request.headers["idempotency-key"] for request in raw.deliveries] == ["cs-2"]


async def test_a_large_payload_arrives_whole() -> None:
    """256 KiB, the ceiling, in one write."""
    clock, payload = FakeClock(), b'"' + b"x" * (256 * 1024 - 2) + b'"'
    async with RawHost() as raw:
        host = HttpHost(target(raw.url), clock)
        seen = await host.apply(replace(delivery(clock), payload=payload))
        await host.close()

    assert isinstance(seen, HttpReply)
    assert payload == raw.deliveries[0].body


@pytest.mark.parametrize("name", ["never_answers", "half_header_held", "half_body_held"])
async def test_cancelled_while_waiting(name: str) -> None:
    """The connection is destroyed, never given to the next request, and its place is free again."""
    clock = FakeClock()
    async with RawHost(BEHAVIOURS[name], BEHAVIOURS["ok"]) as raw:
        host = HttpHost(replace(target(raw.url), pool_max=1), clock)
        waiting = asyncio.create_task(host.apply(delivery(clock, key="cs-1")))
        await raw.until(lambda: len(raw.deliveries) == 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        after = await host.apply(delivery(clock, key="cs-2"))
        await host.close()

    assert isinstance(after, HttpReply)
    assert raw.connections == 2
    assert [request.headers["idempotency-key"] for request in raw.deliveries] == ["cs-1", "cs-2"]


async def test_cancelled_while_connecting() -> None:
    """Nothing left, and the place is free again."""
    clock = FakeClock()
    async with RawHost() as raw:
        host = HttpHost(replace(target(raw.url), pool_max=1), clock)
        connecting = asyncio.create_task(host.apply(delivery(clock, key="cs-1")))
        await asyncio.sleep(0)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        after = await host.apply(delivery(clock, key="cs-2"))
        await host.close()

    assert isinstance(after, HttpReply)
    assert [request.headers["idempotency-key"] for request in raw.deliveries] == ["cs-2"]


FLAWS: Final[dict[str, Callable[[Delivery], Delivery]]] = {
    "a method that reads": lambda write: replace(write, method="GET"),
    "a header in the method": lambda write: replace(write, method="POST /x HTTP/1.1\r\nX: y"),
    "a space in the path": lambda write: replace(write, path="/a b"),
    "a header in the path": lambda write: replace(write, path="/a\r\nX: y"),
    "a dot segment": lambda write: replace(write, path="/a/../b"),
    "a relative path": lambda write: replace(write, path="a"),
    "a header in the key": lambda write: replace(write, key="cs-1\r\nX: y"),
    "no key": lambda write: replace(write, key=""),
    "a key beyond ASCII": lambda write: replace(write, key="cs-ä"),
    "no date": lambda write: replace(write, not_after_ms=10**18),
    "another target": lambda write: replace(write, target="another"),
}


@pytest.mark.parametrize("flaw", FLAWS)
async def test_what_cannot_be_written_is_not_sent(flaw: str) -> None:
    """Not a connection, not a byte."""
    clock = FakeClock()
    async with RawHost() as raw:
        host = HttpHost(target(raw.url), clock)
        seen = await host.apply(FLAWS[flaw](delivery(clock)))
        await host.close()

    assert isinstance(seen, NotSent)
    assert raw.connections == 0


def _moved(write: Delivery, which: str, to: float) -> Delivery:
    return replace(write, not_after_ms=int(to)) if which == "not_after_ms" else replace(write, send_by_s=to)
