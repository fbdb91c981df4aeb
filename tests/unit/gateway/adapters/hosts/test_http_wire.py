"""Wire ambiguity: every behaviour of a raw host × POST, PUT, PATCH, DELETE × every mode. At most one delivery, and the right observation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import pytest

from gateway.adapters.hosts.http import HttpHost
from gateway.adapters.hosts.spec import Mode
from gateway.domain.host_answer import HttpReply, NotSent, Observation, Silent
from tests.fakes.clock import FakeClock
from tests.fakes.raw_host import BEHAVIOURS, RawHost, Read, Script, Then
from tests.fakes.wire import delivery, target

MODES: Final[tuple[Mode, ...]] = ("dedupe", "query", "none")
METHODS: Final = ("POST", "PUT", "PATCH", "DELETE")
PATIENCE_MS: Final = 80  # with a host that never comes to an end

Expected = Callable[[Observation], bool]


def _reply(status: int, body: bytes | None = b'{"ok":true}', *, truncated: bool = False) -> Expected:
    def matches(seen: Observation) -> bool:
        return isinstance(seen, HttpReply) and seen.status == status and (body is None or seen.body == body) and seen.body_truncated is truncated

    return matches


def _silent(seen: Observation) -> bool:
    return isinstance(seen, Silent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    expected: Expected
    deliveries: int = 1
    waits: bool = False  # ends by our own read timeout


_CUT: Final = b'{"ok":true}'[:-5]

CASES: Final = {
    "ok": Case(expected=_reply(201)),
    "ok_empty": Case(expected=_reply(204, b"")),
    "ok_chunked": Case(expected=_reply(200)),
    "ok_until_close": Case(expected=_reply(200)),
    "until_reset": Case(expected=lambda seen: _silent(seen) or _reply(200, None, truncated=True)(seen)),  # nobody said that this was all
    "ok_says_close": Case(expected=_reply(200, b"{}")),
    "ok_after_100": Case(expected=_reply(201)),
    "ok_then_surplus": Case(expected=_reply(201)),
    "close_idle_keepalive": Case(expected=_reply(201)),
    "accepted_202": Case(expected=_reply(202)),
    "redirect_302": Case(expected=_reply(302, b"")),
    "redirect_307": Case(expected=_reply(307, b"")),
    "refused_401": Case(expected=_reply(401)),
    "refused_409": Case(expected=_reply(409)),
    "refused_429": Case(expected=_reply(429, b"{}")),
    "refused_early_413": Case(expected=_reply(413), deliveries=0),
    "error_500": Case(expected=_reply(500)),
    "error_503": Case(expected=_reply(503, b"{}")),
    "half_body": Case(expected=_reply(201, _CUT, truncated=True)),
    "half_body_reset": Case(expected=lambda seen: _silent(seen) or _reply(201, None, truncated=True)(seen)),  # RST may overtake the header
    "half_body_held": Case(expected=_reply(201, _CUT, truncated=True), waits=True),
    "half_chunk": Case(expected=_reply(200, b'{"ok":tr', truncated=True)),
    "bad_chunk": Case(expected=_reply(200, b'{"ok', truncated=True)),
    "huge_body": Case(expected=_reply(201, b'"' + b"h" * 65_535, truncated=True)),
    "endless_body": Case(expected=_reply(200, b"flow" + b"f" * 65_532, truncated=True)),
    "read_some_then_close": Case(expected=_silent, deliveries=0),
    "read_some_then_reset": Case(expected=_silent, deliveries=0),
    "read_then_close": Case(expected=_silent),
    "read_then_reset": Case(expected=_silent),
    "half_header": Case(expected=_silent),
    "half_header_reset": Case(expected=_silent),
    "half_header_held": Case(expected=_silent, waits=True),
    "slow_header": Case(expected=_silent, waits=True),
    "huge_header": Case(expected=_silent),
    "endless_header": Case(expected=_silent),
    "garbage": Case(expected=_silent),
    "other_protocol": Case(expected=_silent),
    "http2_status_line": Case(expected=_silent),
    "two_lengths": Case(expected=_silent),
    "length_and_chunked": Case(expected=_silent),
    "interim_then_close": Case(expected=_silent),
    "interim_without_end": Case(expected=_silent),
    "switching_101": Case(expected=_silent),
    "never_answers": Case(expected=_silent, waits=True),
}


def test_every_behaviour_has_a_case() -> None:
    """A behaviour that is added has to say what is expected of us."""
    assert BEHAVIOURS.keys() == CASES.keys()
    assert len(CASES) >= 14


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.asyncio(loop_factories=["uvloop"])
async def test_at_most_one_delivery_and_the_right_observation(name: str, method: str, mode: Mode) -> None:
    """Whatever the host does with it, a request is written once and seen for what it was."""
    await _sit(name, method, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_the_same_on_the_other_loop(name: str, mode: Mode) -> None:
    """PUT is the method other clients send again."""
    await _sit(name, "PUT", mode)


async def _sit(name: str, method: str, mode: Mode) -> None:
    case, clock = CASES[name], FakeClock()
    async with RawHost(BEHAVIOURS[name]) as raw:
        host = HttpHost(replace(target(raw.url, mode), read_timeout_ms=PATIENCE_MS if case.waits else 5_000), clock)
        seen = await host.apply(delivery(clock, method=method))
        await host.close()

    assert case.expected(seen), seen
    assert [method] * case.deliveries == [request.method for request in raw.deliveries]
    assert raw.connections == 1


@pytest.mark.parametrize("method", METHODS)
async def test_a_host_that_hangs_up_on_accept_is_never_answered_for(method: str) -> None:
    """Closed before or while we write: nothing was delivered, and we claim no more than we know."""
    clock = FakeClock()
    async with RawHost(Script(read=Read.NOTHING, then=Then.CLOSE)) as raw:
        host = HttpHost(target(raw.url), clock)
        seen = await host.apply(delivery(clock, method=method))
        await host.close()

    assert isinstance(seen, NotSent | Silent)
    assert raw.deliveries == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["read_then_close", "read_then_reset", "half_header", "interim_then_close"])
async def test_a_kept_connection_that_dies_under_a_request_is_not_tried_again(name: str, method: str) -> None:
    """The second request goes out on the kept connection, is read, and is answered by nothing: two deliveries, never three."""
    clock = FakeClock()
    async with RawHost(BEHAVIOURS["ok"], BEHAVIOURS[name]) as raw:
        host = HttpHost(target(raw.url), clock)
        first = await host.apply(delivery(clock, method=method, key="cs-1"))
        second = await host.apply(delivery(clock, method=method, key="cs-2"))
        await host.close()

    assert isinstance(first, HttpReply)
    assert isinstance(second, Silent)
    assert [request.headers["idempotency-key"] for request in raw.deliveries] == ["cs-1", "cs-2"]
    assert raw.connections == 1
