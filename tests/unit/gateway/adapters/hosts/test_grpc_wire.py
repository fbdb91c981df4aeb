"""Wire ambiguity over gRPC: every behaviour of a raw host, and every status × every mode. At most one delivery, and the right observation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import grpc
import pytest

from gateway.adapters.hosts.grpc import GrpcHost
from gateway.adapters.hosts.spec import Mode
from gateway.domain.host_answer import GRPC_NUMBERS, GrpcReply, HostClass, NotSent, NotSentWhy, Observation, Silent, classify
from tests.fakes.clock import FakeClock
from tests.fakes.grpc_host import GrpcHostServer, GrpcTurn
from tests.fakes.raw_grpc_host import BEHAVIOURS, RawGrpcHost
from tests.fakes.wire import delivery, grpc_target

MODES: Final[tuple[Mode, ...]] = ("dedupe", "query", "none")
PATIENCE_MS: Final = 150  # with a host that never comes to an end

Expected = Callable[[Observation], bool]


def _said(code: str, body: bytes = b"", *, truncated: bool = False) -> Expected:
    return lambda seen: seen == GrpcReply(code=code, body=body, body_truncated=truncated)


def _silent(seen: Observation) -> bool:
    return isinstance(seen, Silent)


def _not_reached(seen: Observation) -> bool:
    return isinstance(seen, NotSent) and seen.why is NotSentWhy.NOT_REACHED


def _nothing_definite(seen: Observation) -> bool:
    """Silence, or a status that the library made of what it could not read."""
    return _silent(seen) or (isinstance(seen, GrpcReply) and seen.code in {"UNKNOWN", "INTERNAL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    expected: Expected
    deliveries: int = 1
    waits: bool = False  # ends by our own timeout


_OK: Final = b'{"ok":true}'
CASES: Final = {
    "ok": Case(expected=_said("OK", _OK)),
    "ok_then_close": Case(expected=_said("OK", _OK)),
    "ok_without_message": Case(expected=_said("OK")),
    "ok_of_another_kind": Case(expected=_said("OK", truncated=True)),
    "refused_in_trailers_only": Case(expected=_said("FAILED_PRECONDITION")),
    "status_nobody_knows": Case(expected=_said("UNKNOWN")),
    "http_503": Case(expected=_silent),
    "http_404": Case(expected=_said("UNIMPLEMENTED")),  # a middleman's: definite only where the target is trusted with its codes
    "message_without_status": Case(expected=_nothing_definite),
    "message_then_close": Case(expected=_silent),
    "half_message_then_close": Case(expected=_silent),
    "half_message_held": Case(expected=_silent, waits=True),
    "rst_refused": Case(expected=_silent),
    "rst_cancel": Case(expected=_silent),
    "rst_internal": Case(expected=_nothing_definite),
    "rst_no_error": Case(expected=_nothing_definite),
    "goaway_unprocessed": Case(expected=_silent),
    "goaway_unprocessed_open": Case(expected=_silent),
    "goaway_processed": Case(expected=_silent),
    "goaway_calm": Case(expected=_silent),
    "read_then_close": Case(expected=_silent),
    "read_then_reset": Case(expected=_silent),
    "headers_then_close": Case(expected=_silent, deliveries=0),
    "headers_then_rst": Case(expected=_silent),  # the message may still follow the headers, once
    "garbage": Case(expected=_nothing_definite),
    "never_answers": Case(expected=_silent, waits=True),
    "hangs_up_on_accept": Case(expected=_not_reached, deliveries=0),
    "is_not_http2": Case(expected=_not_reached, deliveries=0),
    "accepts_and_says_nothing": Case(expected=_not_reached, deliveries=0, waits=True),
}


def test_every_behaviour_has_a_case() -> None:
    """A behaviour that is added has to say what is expected of us."""
    assert BEHAVIOURS.keys() == CASES.keys()
    assert len(CASES) >= 14


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
async def test_at_most_one_delivery_and_the_right_observation(name: str, mode: Mode) -> None:
    """Whatever the host does with it, a call is made once and seen for what it was."""
    case, clock = CASES[name], FakeClock()
    async with RawGrpcHost(BEHAVIOURS[name]) as raw:
        patience_ms = PATIENCE_MS if case.waits else 5_000
        host = GrpcHost(replace(grpc_target(raw.url, mode), connect_timeout_ms=patience_ms, call_timeout_ms=patience_ms), clock)
        seen = await host.apply(delivery(clock))
        await host.close()

    assert case.expected(seen), seen
    assert len(raw.deliveries) <= case.deliveries
    assert len(raw.deliveries) == case.deliveries or name == "headers_then_rst"
    assert raw.connections == 1


@pytest.mark.parametrize("mode", ["dedupe", "query"])
@pytest.mark.parametrize("name", ["read_then_close", "goaway_unprocessed", "rst_refused", "half_message_then_close"])
async def test_a_kept_line_that_dies_under_a_call_is_not_tried_again(name: str, mode: Mode) -> None:
    """The second call goes out on the kept line, is read, and is answered by nothing: two deliveries, never three."""
    clock = FakeClock()
    async with RawGrpcHost(BEHAVIOURS["ok"], BEHAVIOURS[name]) as raw:
        host = GrpcHost(grpc_target(raw.url, mode), clock)
        first = await host.apply(delivery(clock, key="cs-1"))
        second = await host.apply(delivery(clock, key="cs-2"))
        await host.close()

    assert isinstance(first, GrpcReply)
    assert isinstance(second, Silent)
    assert (len(raw.deliveries), raw.connections) == (2, 1)


@pytest.mark.parametrize("trusts", [True, False])
@pytest.mark.parametrize("code", [one for one in grpc.StatusCode if one is not grpc.StatusCode.OK])
async def test_every_status_of_a_real_host_means_what_the_table_says(code: grpc.StatusCode, trusts: bool) -> None:  # noqa: FBT001 - parametrised
    """Definite are only refusals of a host that is trusted with its codes; each was delivered once."""
    clock = FakeClock()
    async with GrpcHostServer(GrpcTurn(code=code)) as served:
        host = GrpcHost(grpc_target(served.url), clock)
        seen = await host.apply(delivery(clock))
        await host.close()

    found = classify(seen, resend=False, overrides={}, replays_refusals=False, trusts_status_codes=trusts)
    refusals = {"INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE", "UNIMPLEMENTED"}
    silent = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"}
    assert found.host_class is (HostClass.FAILED if trusts and code.name in refusals else HostClass.UNKNOWN)
    assert found.status == (0 if code.name in silent else GRPC_NUMBERS[code.name])
    assert len(served.deliveries) == 1
