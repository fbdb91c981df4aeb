"""The gRPC host client: `countersign.host.v1.HostService` on the other side.

1. One attempt: a call is started at most once, over a connection that was ready; the library sends nothing again.
2. Two phases, each with its own time: connecting, before which the answer is `NotSent`, and the call. Once that is started, everything is an observation.
3. Both clocks are read immediately before the call is started. Its deadline is never later than the last moment it may be sent: should the connection
   be lost at this very instant, the library would wait for another, and must not send then.
4. A status that our own library makes as well as a host (UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED) is silence: nobody can say that the host spoke.
5. With the call travel the key, the last moment, the trace and the target's credential; nothing of the caller's.
"""

import asyncio
from typing import Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from countersign.host.v1 import host_pb2
from gateway.adapters.hosts.grpc_lines import Line, Lines
from gateway.adapters.hosts.grpc_spec import GrpcHostSpec
from gateway.adapters.hosts.head import Unsendable, check_common, rfc3339, traceparent_of
from gateway.adapters.hosts.query import no_answer
from gateway.domain.host_answer import GrpcReply, NotSent, NotSentWhy, Observation, QueryFinding, Silent
from gateway.domain.limits import RESPONSE_BYTES_MAX
from gateway.ports.host import Delivery, QueryAnswer
from gateway.ports.system import Clock

_SERVICE: Final = "/countersign.host.v1.HostService"
_NOBODY_SPOKE: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})
_FINDINGS: Final = {
    host_pb2.KEY_STATE_APPLIED: QueryFinding.APPLIED,
    host_pb2.KEY_STATE_IN_PROGRESS: QueryFinding.IN_PROGRESS,
    host_pb2.KEY_STATE_NOT_APPLIED: QueryFinding.NOT_APPLIED,
    host_pb2.KEY_STATE_NOT_FOUND: QueryFinding.NOT_FOUND,
}


class GrpcHost:
    """One gRPC target; implements `ports.host.Host`. Belongs to the event loop it is first used on."""

    def __init__(self, spec: GrpcHostSpec, clock: Clock) -> None:
        """Reads the CA file. Raises ValueError when the declaration cannot be used."""
        self._spec = spec
        self._clock = clock
        self._lines = Lines(spec)
        self._credential = () if spec.authorization is None else (("authorization", spec.authorization),)

    async def apply(self, delivery: Delivery) -> Observation:
        late = self._too_late(delivery)
        if late is not None:
            return late
        try:
            request, metadata = _request(delivery, self._spec.name)
        except Unsendable as flaw:
            return NotSent(NotSentWhy.NOT_REACHED, f"not written: {flaw}")
        line = await self._lines.take()
        if isinstance(line, NotSent):
            return line
        try:
            return self._too_late(delivery) or _reply(await self._call(line, "Apply", request, metadata, timeout_s=self._time_left_s(delivery)))
        finally:
            self._lines.give(line)

    async def query(self, *, key: str, deadline_s: float) -> QueryAnswer:
        if self._spec.mode != "query":
            return no_answer("this target declares no query")
        try:
            async with asyncio.timeout_at(deadline_s):
                return _finding(await self._ask(host_pb2.QueryRequest(key=key).SerializeToString()))
        except TimeoutError:
            return no_answer("no answer to the query in time")

    async def close(self) -> None:
        await self._lines.close()

    async def _ask(self, request: bytes) -> bytes | NotSent | Silent | grpc.StatusCode:
        line = await self._lines.take()
        if isinstance(line, NotSent):
            return line
        try:
            return await self._call(line, "Query", request, (), timeout_s=self._spec.call_timeout_ms / 1000)
        finally:
            self._lines.give(line)

    async def _call(
        self, line: Line, method: str, request: bytes, metadata: tuple[tuple[str, str], ...], *, timeout_s: float
    ) -> bytes | Silent | grpc.StatusCode:
        """The answer's bytes, or the status that stands for it. Cancelled, the call is cancelled at the host."""
        start: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = line.channel.unary_unary(f"{_SERVICE}/{method}")
        call = start(request, timeout=timeout_s, metadata=grpc.aio.Metadata(*metadata, *self._credential), wait_for_ready=False)
        try:
            answer: bytes | None = await call
        except grpc.aio.AioRpcError as ended:
            code = ended.code()
            if code is grpc.StatusCode.DEADLINE_EXCEEDED:
                self._lines.doubt(line)
            return Silent(f"the call ended with {code.name}, which a library says too") if code in _NOBODY_SPOKE else code
        except asyncio.CancelledError:
            self._lines.doubt(line)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return Silent("the line was closed while the call was under way")
        except grpc.aio.UsageError as closed:
            return Silent(f"the line was closed: {closed}")
        return b"" if answer is None else answer

    def _too_late(self, delivery: Delivery) -> NotSent | None:
        if self._clock.boot_s() > delivery.send_by_s:
            return NotSent(NotSentWhy.TOO_LATE, "the time to send, by this machine's clock since boot, has passed")
        if self._clock.now_ms() > delivery.not_after_ms:
            return NotSent(NotSentWhy.TOO_LATE, "not_after has passed")
        return None

    def _time_left_s(self, delivery: Delivery) -> float:
        """At least a millisecond: the very last moment is in time."""
        left_ms = min(delivery.not_after_ms - self._clock.now_ms(), (delivery.send_by_s - self._clock.boot_s()) * 1000)
        return max(1, min(self._spec.call_timeout_ms, left_ms)) / 1000


def _request(delivery: Delivery, target: str) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """Raises Unsendable."""
    check_common(delivery, target)
    message = host_pb2.ApplyRequest(payload=delivery.payload, key=delivery.key, action=delivery.action)
    message.not_after.FromMilliseconds(delivery.not_after_ms)
    trace = traceparent_of(delivery.traceparent)
    metadata = (("idempotency-key", delivery.key), ("not-after", rfc3339(delivery.not_after_ms)))
    return message.SerializeToString(), (*metadata, ("traceparent", trace)) if trace else metadata


def _reply(seen: bytes | Silent | grpc.StatusCode) -> Observation:
    match seen:
        case Silent():
            return seen
        case grpc.StatusCode():
            return GrpcReply(code=seen.name, body=b"", body_truncated=False)
        case _:
            return _success(seen)


def _success(answer: bytes) -> GrpcReply:
    """OK was said, so it was done, whatever can be made of the rest."""
    try:
        body = host_pb2.ApplyResponse.FromString(answer).response
    except DecodeError:
        return GrpcReply(code="OK", body=b"", body_truncated=True)
    return GrpcReply(code="OK", body=body[:RESPONSE_BYTES_MAX], body_truncated=len(body) > RESPONSE_BYTES_MAX)


def _finding(seen: bytes | NotSent | Silent | grpc.StatusCode) -> QueryAnswer:
    match seen:
        case NotSent() | Silent():
            return no_answer(seen.detail)
        case grpc.StatusCode():
            return no_answer(f"the query was answered with {seen.name}")
        case _:
            return _found(seen)


def _found(answer: bytes) -> QueryAnswer:
    try:
        said = host_pb2.QueryResponse.FromString(answer)
    except DecodeError:
        return no_answer("the query's answer is no message of ours")
    finding = _FINDINGS.get(said.state)
    if finding is None:
        return no_answer("the query's answer has no state we know")
    if finding is not QueryFinding.APPLIED:
        return QueryAnswer(finding=finding, status=0, body=b"", detail="")
    if len(said.response) > RESPONSE_BYTES_MAX:
        return QueryAnswer(finding=finding, status=0, body=b"", detail=f"the original answer is over {RESPONSE_BYTES_MAX} bytes and was not kept")
    return QueryAnswer(finding=finding, status=0, body=said.response, detail="")
