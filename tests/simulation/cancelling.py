"""A call over a real server, cancelled by its caller at one point of its way; and what has to be true afterwards.

1. The caller is gone when its handler has ended on the server, not when it has said so.
2. Afterwards nothing is left behind: no kept work, no place at the door, no waiter, no hold but of what is unknown.
3. The same request again gets its answer, and the host was reached at most once for it.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import grpc

from gateway.domain.budget import HoldState
from gateway.domain.conservation import discrepancies
from gateway.domain.lifecycle import State, Thinking
from gateway.transport.server import Servicers, start
from gateway.transport.servicers.gateway import GatewayServicer
from gateway.transport.servicers.operator import OperatorServicer
from tests.fakes.clock import FakeClock
from tests.fakes.gateway import FakeGateway, gateway
from tests.fakes.served import KeptTelling, channel, every_role, servicers
from tests.simulation.points import PointedHost, PointedPolicy, PointedStore, PointedThinker, Points

PATIENCE_S: Final = 10.0
ENDS_S_MAX: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One RPC as a caller sends it; what a right answer is."""

    listener: str
    method: str
    request: bytes
    right: Callable[[bytes | str], object]  # truthy when it is; an error comes as text


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    prepare: Callable[[FakeGateway], Awaitable[Call]]  # everything before the call that is cancelled
    deliveries: int  # of the whole scenario, at the end


class Handlers:
    """Knows when a handler has ended, however it did."""

    def __init__(self, inner: Any, turns: Points) -> None:
        self._inner, self._turns = inner, turns
        self.ended = asyncio.Event()

    def __getattr__(self, name: str) -> Callable[[bytes, Any], Coroutine[Any, Any, Any]]:
        method = getattr(self._inner, name)

        async def watched(request: bytes, call: Any) -> Any:
            try:
                return await self._turns.steps(method(request, call))
            finally:
                self.ended.set()

        return watched


@dataclass(frozen=True, slots=True)
class Stop:
    """The point to stop at, and the points of the handlers, which may be those."""

    points: Points
    number: int
    turns: Points


@dataclass(frozen=True, slots=True)
class Cancelled:
    """`at` is "" when the call had ended before it came to so many points."""

    at: str
    wrong: tuple[str, ...]


async def cancel_at(scenario: Scenario, place: str, number: int) -> Cancelled:
    """`place` is "port": everything stops there; or "turn": the handler stops, kept work goes on."""
    points, turns, clock = Points(), Points(), FakeClock()
    store, hosts = PointedStore(clock=clock), {"billing": PointedHost(clock), "mail": PointedHost(clock)}
    thinker, policy = PointedThinker(), PointedPolicy()
    store.points = thinker.points = policy.points = points
    for host in hosts.values():
        host.points = points
    with tempfile.TemporaryDirectory(prefix="cs-cancel-") as folder:
        async with gateway(store=store, clock=clock, hosts=hosts, thinker=thinker) as one:
            one.policy = policy
            one.__post_init__()  # the stories, over this policy engine
            stops = points if place == "port" else turns
            return await _cancelled(one, scenario, Stop(stops, number, turns), Path(folder))


async def _cancelled(one: FakeGateway, scenario: Scenario, stop: Stop, folder: Path) -> Cancelled:
    served = servicers(one)
    of_gateway, of_operator = Handlers(served.gateway, stop.turns), Handlers(served.operator, stop.turns)
    watched = Servicers(gateway=cast("GatewayServicer", of_gateway), operator=cast("OperatorServicer", of_operator))
    told = KeptTelling()
    serving = await start(every_role(folder), watched, telling=told, reflect=False)
    try:
        call = await scenario.prepare(one)
        handlers = of_gateway if "Gateway" in call.method else of_operator
        async with channel(f"unix:{folder}/{call.listener}.sock") as line:
            at = await _send_and_cancel(line, call, stop, handlers)
            left = await one.keeper.drain(grace_s=ENDS_S_MAX)
            wrong = [f"{left} pieces of kept work did not end"] if left else []
            wrong += await _left_behind(one, served.gateway)
            answered = await _send(line, call)
            wrong += [] if call.right(answered) else [f"the same request was answered {answered!r}"]
    finally:
        for each in serving:
            await each.stop(grace_s=0.2)
    wrong += await _left_behind(one, served.gateway)
    sent = sum(len(host.deliveries) for host in one.hosts.values())
    wrong += [f"{sent} deliveries, not {scenario.deliveries}"] if sent != scenario.deliveries else []
    wrong += [f"bug: {bug!r}" for _, bug in told.bugs] + [f"fault: {fault!r}" for _, fault in told.faults]
    return Cancelled(at, tuple(f"{scenario.name}, cancelled {at}: {what}" for what in wrong))


async def _send_and_cancel(line: grpc.aio.Channel, call: Call, stop: Stop, handlers: Handlers) -> str:
    """Where it was cancelled."""
    points = stop.points
    handlers.ended.clear()
    points.stop_at(stop.number)
    sent = asyncio.ensure_future(_send(line, call))
    reached = asyncio.ensure_future(points.reached.wait())
    await asyncio.wait({sent, reached}, return_when=asyncio.FIRST_COMPLETED)
    reached.cancel()
    if not points.reached.is_set():
        points.release()
        await sent
        return ""
    sent.cancel()
    await asyncio.wait({sent})
    await asyncio.wait_for(handlers.ended.wait(), ENDS_S_MAX)
    points.release()
    return points.name


async def _send(line: grpc.aio.Channel, call: Call) -> bytes | str:
    invoke = line.unary_unary(f"/{call.method}", request_serializer=bytes, response_deserializer=bytes)
    try:
        answered: bytes = await invoke(call.request, timeout=PATIENCE_S)
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name}: {error.details()}"
    return answered


async def _left_behind(one: FakeGateway, servicer: GatewayServicer) -> list[str]:
    """What should have gone with the call."""
    books = await one.store.books()
    turnstile = servicer.turnstile
    counts = {
        "commits at the door": one.door._in_flight.total(), "thinkings at the door": one.study._in_flight.total(),
        "thoughts under way": len(one.decider.under_way), "waiters": one.lookup.waiters.count.total(), "kept tasks": len(one.keeper),
        "calls in the turnstile": turnstile._inside + len(turnstile._waiting),
        "writes under way": sum(row.state is State.FORWARDING for row in books.commits),
        "decisions under way": sum(row.state is Thinking.THINKING for row in books.decisions),
        "open holds": sum(held.state is HoldState.OPEN for row in books.commits if row.state is not State.UNKNOWN for held in row.holds),
        "open holds of decisions": sum(held.state is HoldState.OPEN for row in books.decisions for held in row.holds),
    }  # fmt: skip
    return [f"{count} {what}" for what, count in counts.items() if count] + [str(wrong) for wrong in discrepancies(books)]
