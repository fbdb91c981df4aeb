"""One exam for every host: what the stages and the reconciler rely on, taken by the real clients over real sockets and by the fake.

A candidate is added in one place, `CANDIDATES`; the questions stay as they are.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import grpc
import pytest

from countersign.host.v1 import host_pb2
from gateway.adapters.hosts.grpc import GrpcHost
from gateway.adapters.hosts.http import HttpHost
from gateway.domain.host_answer import GrpcReply, HostClass, NotSent, NotSentWhy, Observation, QueryFinding, Silent, classify
from gateway.ports.host import Host, QueryAnswer
from tests.fakes.clock import FakeClock
from tests.fakes.grpc_host import GrpcHostServer, GrpcTurn
from tests.fakes.host import CREATED, DID, DID_AND_VANISHED, FakeHost, Turn, answered
from tests.fakes.raw_host import BEHAVIOURS, RawHost, Script, reply
from tests.fakes.wire import delivery, grpc_target, target


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A host, and the view from behind it."""

    host: Host
    clock: FakeClock
    keys: Callable[[], Sequence[str]]  # of the complete writes that reached the host, in order
    until_reached: Callable[[int], Awaitable[None]]
    success: Observation = CREATED
    trusts_status_codes: bool = False
    applied_status: int = 201  # of the original answer, in what it says of a key


Candidate = Callable[..., AbstractAsyncContextManager[Stage]]


@asynccontextmanager
async def _http(*behaviours: str, says: QueryFinding | None = None) -> AsyncIterator[Stage]:
    clock = FakeClock()
    scripts = [BEHAVIOURS[name] for name in behaviours] if says is None else [Script(send=_said(says))]
    async with RawHost(*scripts) as raw:
        host = HttpHost(target(raw.url, "query"), clock)

        async def until_reached(count: int) -> None:
            await raw.until(lambda: len(raw.deliveries) >= count)

        yield Stage(host=host, clock=clock, keys=lambda: [sent.headers["idempotency-key"] for sent in raw.deliveries], until_reached=until_reached)
        await host.close()


def _said(finding: QueryFinding) -> bytes:
    if finding is QueryFinding.NO_ANSWER:
        return reply(404, b"")
    return reply(200, b'{"status":"%s","http_status":201,"response":{"ok":true}}' % finding.encode())


GRPC_TURNS: Final[dict[str, GrpcTurn]] = {
    "ok": GrpcTurn(),
    "refused_401": GrpcTurn(code=grpc.StatusCode.UNAUTHENTICATED),
    "error_500": GrpcTurn(code=grpc.StatusCode.INTERNAL),
    "accepted_202": GrpcTurn(code=grpc.StatusCode.ABORTED),
    "read_then_close": GrpcTurn(code=grpc.StatusCode.UNAVAILABLE),
    "never_answers": GrpcTurn(hold=True),
}


@asynccontextmanager
async def _grpc(*behaviours: str, says: QueryFinding | None = None) -> AsyncIterator[Stage]:
    clock = FakeClock()
    state = host_pb2.KeyState.Value(f"KEY_STATE_{says}") if says in QUERY_STATES else host_pb2.KEY_STATE_UNSPECIFIED
    applied = b'{"ok":true}' if says is QueryFinding.APPLIED else b""
    turns = [GRPC_TURNS[name] for name in behaviours]
    async with GrpcHostServer(*turns, says=host_pb2.QueryResponse(state=state, response=applied)) as served:
        host = GrpcHost(grpc_target(served.url, "query"), clock)
        yield Stage(
            host=host, clock=clock, keys=lambda: [sent.message.key for sent in served.deliveries], until_reached=served.until_reached,
            success=GrpcReply(code="OK", body=b'{"ok":true}', body_truncated=False), trusts_status_codes=True, applied_status=0,
        )  # fmt: skip
        await host.close()


QUERY_STATES: Final = frozenset(QueryFinding) - {QueryFinding.NO_ANSWER}
TURNS: Final[dict[str, Turn]] = {
    "ok": DID,
    "refused_401": answered(401, applied=False),
    "error_500": answered(500, applied=True),
    "accepted_202": answered(202, applied=True),
    "read_then_close": DID_AND_VANISHED,
    "never_answers": DID,  # held, see below
}


@asynccontextmanager
async def _fake(*behaviours: str, says: QueryFinding | None = None) -> AsyncIterator[Stage]:
    clock = FakeClock()
    host = FakeHost(clock, *(TURNS[name] for name in behaviours))
    if "never_answers" in behaviours:
        host.hold()
    if says is not None:
        applied = says is QueryFinding.APPLIED
        host.findings["cs-1"] = QueryAnswer(finding=says, status=201 if applied else 0, body=b'{"ok":true}' if applied else b"", detail="")
    yield Stage(host=host, clock=clock, keys=lambda: [sent.key for sent in host.deliveries], until_reached=host.until_delivered)
    await host.close()


CANDIDATES: Final[dict[str, Candidate]] = {"http": _http, "grpc": _grpc, "fake": _fake}


@pytest.fixture(params=CANDIDATES)
def candidate(request: pytest.FixtureRequest) -> Candidate:
    return CANDIDATES[request.param]


def _class(seen: Observation, stage: Stage) -> HostClass:
    return classify(seen, resend=False, overrides={}, replays_refusals=False, trusts_status_codes=stage.trusts_status_codes).host_class


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("ok", HostClass.SUCCEEDED),
        ("refused_401", HostClass.FAILED),
        ("error_500", HostClass.UNKNOWN),
        ("accepted_202", HostClass.UNKNOWN),
        ("read_then_close", HostClass.UNKNOWN),
    ],
)
async def test_one_write_reaches_the_host_once(candidate: Candidate, behaviour: str, expected: HostClass) -> None:
    """Whatever it answers, it was asked once."""
    async with candidate(behaviour) as stage:
        seen = await stage.host.apply(delivery(stage.clock))

        assert expected is _class(seen, stage)
        assert stage.keys() == ["cs-1"]


async def test_a_success_brings_the_answer(candidate: Candidate) -> None:
    """Status and body as the host gave them."""
    async with candidate("ok") as stage:
        seen = await stage.host.apply(delivery(stage.clock))

        assert seen == stage.success


@pytest.mark.parametrize("late", ["not_after", "send_by"])
async def test_a_write_that_is_late_is_not_sent(candidate: Candidate, late: str) -> None:
    """Either clock; the host sees nothing."""
    async with candidate("ok") as stage:
        write = delivery(stage.clock)
        write = replace(write, not_after_ms=stage.clock.now_ms() - 1) if late == "not_after" else replace(write, send_by_s=stage.clock.boot_s() - 0.001)

        seen = await stage.host.apply(write)

        assert isinstance(seen, NotSent)
        assert seen.why is NotSentWhy.TOO_LATE
        assert stage.keys() == []


async def test_the_last_moment_is_in_time(candidate: Candidate) -> None:
    """Both limits are inclusive: it is sent. Over gRPC the limit is the call's deadline too, and may come before the answer."""
    async with candidate("ok") as stage:
        write = replace(delivery(stage.clock), not_after_ms=stage.clock.now_ms(), send_by_s=stage.clock.boot_s())

        seen = await stage.host.apply(write)

        assert not isinstance(seen, NotSent)
        assert _class(seen, stage) is HostClass.SUCCEEDED or (stage.trusts_status_codes and isinstance(seen, Silent))


async def test_silence_is_returned_not_raised(candidate: Candidate) -> None:
    """A host that vanishes after reading is an observation."""
    async with candidate("read_then_close") as stage:
        assert isinstance(await stage.host.apply(delivery(stage.clock)), Silent)


async def test_the_same_key_again_is_delivered_again(candidate: Candidate) -> None:
    """Deduplication is the host's promise, not the client's: a re-send must reach it."""
    async with candidate("read_then_close", "ok") as stage:
        first = await stage.host.apply(delivery(stage.clock))
        second = await stage.host.apply(delivery(stage.clock))

        assert [_class(first, stage), _class(second, stage)] == [HostClass.UNKNOWN, HostClass.SUCCEEDED]
        assert stage.keys() == ["cs-1", "cs-1"]


async def test_many_at_once(candidate: Candidate) -> None:
    """Each write reaches the host once, and gets an answer of its own."""
    async with candidate("ok") as stage:
        keys = [f"cs-{number}" for number in range(20)]

        seen = await asyncio.gather(*(stage.host.apply(delivery(stage.clock, key=key)) for key in keys))

        assert {HostClass.SUCCEEDED} == {_class(one, stage) for one in seen}
        assert sorted(keys) == sorted(stage.keys())


async def test_cancelled_after_it_was_sent(candidate: Candidate) -> None:
    """The write reached the host once; the next one is not disturbed."""
    async with candidate("never_answers", "ok") as stage:
        waiting = asyncio.create_task(stage.host.apply(delivery(stage.clock)))
        await stage.until_reached(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        if isinstance(stage.host, FakeHost):
            stage.host.release()
        after = await stage.host.apply(delivery(stage.clock, key="cs-2"))

        assert _class(after, stage) is HostClass.SUCCEEDED
        assert stage.keys() == ["cs-1", "cs-2"]


async def test_closed(candidate: Candidate) -> None:
    """A closed host sends nothing; closing twice is no error."""
    async with candidate("ok") as stage:
        await stage.host.close()
        await stage.host.close()

        seen = await stage.host.apply(delivery(stage.clock))

        assert isinstance(seen, NotSent)
        assert stage.keys() == []


@pytest.mark.parametrize("finding", list(QueryFinding))
async def test_what_the_host_says_of_a_key(candidate: Candidate, finding: QueryFinding) -> None:
    """The original answer comes with APPLIED, and only then."""
    async with candidate(says=finding) as stage:
        answer = await stage.host.query(key="cs-1", deadline_s=asyncio.get_running_loop().time() + 5)

        expected = (stage.applied_status, b'{"ok":true}') if finding is QueryFinding.APPLIED else (0, b"")
        assert (finding, *expected) == (answer.finding, answer.status, answer.body)


async def test_a_question_ends_by_its_deadline(candidate: Candidate) -> None:
    """A host that says nothing is no answer, and nothing is raised."""
    async with candidate("never_answers") as stage:
        answer = await stage.host.query(key="cs-1", deadline_s=asyncio.get_running_loop().time() + 0.08)

        assert answer.finding is QueryFinding.NO_ANSWER
