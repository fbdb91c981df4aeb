"""Around every RPC: who, until when, and what an answer, a refusal, a fault or a bug becomes on the wire.

1. Role first, then credentials, then deadline, then the message: whoever may not call learns nothing else.
2. A refusal and a fault carry our ErrorInfo; a library's own error never stands for an answer of ours.
3. This is the one place that catches everything: a bug before T1 is INTERNAL and told; after T1 the stories answer UNKNOWN themselves.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import grpc
from google.protobuf.message import Message

from gateway.domain.faults import Fault
from gateway.domain.identity import may
from gateway.domain.limits import COMMIT_DEADLINE_S_MAX, DECIDE_DEADLINE_S_MAX, READ_DEADLINE_S_MAX
from gateway.domain.reasons import Reason
from gateway.domain.refusal import Refusal
from gateway.transport.call import Call, patience, traceparent
from gateway.transport.listener import Listener
from gateway.transport.status import NO_RETRIES, of_bug, of_fault, trailers

Answer = Message | Refusal
Method = Callable[[bytes, Call], Awaitable[Answer]]
Context = grpc.aio.ServicerContext[bytes, bytes]

_CEILING_S: Final = {"Commit": COMMIT_DEADLINE_S_MAX, "PreviewCommit": COMMIT_DEADLINE_S_MAX, "Decide": DECIDE_DEADLINE_S_MAX}


class Telling:
    """Where the transport tells of faults and bugs; the composition root decides what that means."""

    def fault(self, method: str, fault: Fault) -> None:
        raise NotImplementedError

    def bug(self, method: str, bug: BaseException) -> None:
        raise NotImplementedError


def handler(name: str, method: Method, listener: Listener, telling: Telling) -> Callable[[bytes, Context], Awaitable[bytes]]:
    """The grpc.aio behaviour of one RPC on one listener."""

    async def behave(request: bytes, context: Context) -> bytes:
        answer = await _answer(request, context)
        if isinstance(answer, Refusal):
            code, message, metadata = trailers(answer)
            await context.abort(code, message, metadata)
        context.set_trailing_metadata((NO_RETRIES,))
        return answer.SerializeToString()

    async def _answer(request: bytes, context: Context) -> Answer:
        metadata = _metadata(context)
        call = _call(name, listener, metadata, context.time_remaining())
        if isinstance(call, Refusal):
            return call
        try:
            return await method(request, call)
        except Fault as fault:
            telling.fault(name, fault)
            return of_fault(fault, listener.caller.role)
        except Exception as bug:  # noqa: BLE001 - the one place: whatever else escapes a story is a bug of ours
            telling.bug(name, bug)
            return of_bug()

    return behave


def _metadata(context: Context) -> Mapping[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


def _call(name: str, listener: Listener, metadata: Mapping[str, str], left_s: float | None) -> Call | Refusal:
    if not may(listener.caller.role, name):
        message = f"the role {listener.caller.role} of listener {listener.name} may not call {name}; use the listener of a role that may."
        return Refusal(reason=Reason.NOT_ALLOWED, message=message)
    if not listener.knows(metadata):
        message = f"listener {listener.name} asks for `authorization: Bearer …` metadata with its token; none came, or another."
        return Refusal(reason=Reason.NOT_AUTHENTICATED, message=message)
    if left_s is None:
        return Refusal(reason=Reason.MALFORMED, message=f"the call has no deadline; set one of at most {_CEILING_S.get(name, READ_DEADLINE_S_MAX)} s.")
    now_s = asyncio.get_running_loop().time()
    return Call(
        method=name,
        caller=listener.caller,
        traceparent=traceparent(metadata.get("traceparent", "")),
        patience=patience(now_s=now_s, left_s=left_s, ceiling_s=_CEILING_S.get(name, READ_DEADLINE_S_MAX)),
    )


async def not_built(request: bytes, call: Call) -> Answer:
    """An RPC of the contract that this version does not serve yet."""
    del request
    return Refusal(reason=Reason.NOT_BUILT, message=f"{call.method} is part of the contract and not served by this version.")
