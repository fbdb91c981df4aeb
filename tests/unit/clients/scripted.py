"""A gateway that says what it was told to say: a real gRPC server on a unix socket, one reply a request, every request kept.

1. Replies are used in order, whatever the method; with none left it answers an error without our stamp that no client asks after.
2. What it saw is bytes decoded by the contract's own stubs, with the metadata and the time the caller gave it.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from countersign.v1 import gateway_pb2, reason_pb2, types_pb2

SERVICE: Final = "countersign.v1.GatewayService"
REQUESTS: Final[dict[str, type[Message]]] = {
    "Decide": gateway_pb2.DecideRequest,
    "Commit": gateway_pb2.CommitRequest,
    "PreviewCommit": gateway_pb2.PreviewCommitRequest,
    "GetCommit": gateway_pb2.GetCommitRequest,
    "WaitCommit": gateway_pb2.WaitCommitRequest,
    "RecordStep": gateway_pb2.RecordStepRequest,
    "FinishRun": gateway_pb2.FinishRunRequest,
    "GetRun": gateway_pb2.GetRunRequest,
}


@dataclass(frozen=True, slots=True)
class Fail:
    """An error instead of an answer; without details it is anybody's."""

    code: grpc.StatusCode
    details: tuple[Message, ...] = ()
    message: str = "as the script says"


Reply = Message | Fail | Callable[[], Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    method: str
    request: Message
    metadata: dict[str, str | bytes]
    time_left_s: float


class ScriptedGateway(grpc.GenericRpcHandler):
    """`address` to connect to, `says` to give it its next replies, `seen` to look at."""

    def __init__(self, folder: Path) -> None:
        """Listens from `start` on."""
        self.address: Final = f"unix:{folder / 'gateway.sock'}"
        self.seen: Final[list[Seen]] = []
        self.mangles_details = False
        self._replies: Final[deque[Reply]] = deque()
        self._server: Final = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        self._server.add_generic_rpc_handlers((self,))

    def start(self) -> None:
        self._server.add_insecure_port(self.address)
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=None).wait()

    def says(self, *replies: Reply) -> None:
        self._replies.extend(replies)

    @property
    def methods(self) -> list[str]:
        return [one.method for one in self.seen]

    def sent(self, method: str) -> list[Message]:
        return [one.request for one in self.seen if one.method == method]

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        method = handler_call_details.method.removeprefix(f"/{SERVICE}/")
        return grpc.unary_unary_rpc_method_handler(lambda body, context: self._answer(method, body, context))

    def _answer(self, method: str, body: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = dict(context.invocation_metadata())
        self.seen.append(Seen(method=method, request=REQUESTS[method].FromString(body), metadata=metadata, time_left_s=context.time_remaining()))
        reply = self._replies.popleft() if self._replies else Fail(grpc.StatusCode.OUT_OF_RANGE, message="the script has ended")
        if isinstance(reply, Fail):
            packed = [_packed(one) for one in reply.details]
            details = status_pb2.Status(code=reply.code.value[0], message=reply.message, details=packed).SerializeToString()
            details = b"\xff" + details if self.mangles_details else details
            context.set_trailing_metadata((("grpc-status-details-bin", details),) if packed else ())
            context.abort(reply.code, reply.message)
        message = reply if isinstance(reply, Message) else reply()
        return message.SerializeToString()


def _packed(message: Message) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed


def refusal(
    code: grpc.StatusCode, reason: str, *, after_s: float | None = None, violations: Sequence[tuple[str, str]] = (), domain: str = "countersign.dev"
) -> Fail:
    """An error with our stamp."""
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata={"seen": "x"})]
    if violations:
        fields = [error_details_pb2.BadRequest.FieldViolation(field=field, description=text) for field, text in violations]
        details.append(error_details_pb2.BadRequest(field_violations=fields))
    if after_s is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=span(after_s)))
    return Fail(code, tuple(details))


def span(seconds: float) -> Duration:
    return Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))


def commit_message(outcome: str, *reasons: types_pb2.ReasonDetail, commit_id: str = "c-1", generation: int = 1) -> types_pb2.Commit:
    return types_pb2.Commit(commit_id=commit_id, generation=generation, outcome=types_pb2.Outcome.Value(f"OUTCOME_{outcome}"), reasons=reasons)


def committed(outcome: str, *reasons: types_pb2.ReasonDetail, commit_id: str = "c-1", replayed: bool = False) -> gateway_pb2.CommitResponse:
    return gateway_pb2.CommitResponse(commit=commit_message(outcome, *reasons, commit_id=commit_id), replayed=replayed)


def waited(outcome: str, *reasons: types_pb2.ReasonDetail, commit_id: str = "c-1") -> gateway_pb2.WaitCommitResponse:
    return gateway_pb2.WaitCommitResponse(commit=commit_message(outcome, *reasons, commit_id=commit_id))


def decided(status: str, *, stop: str = "UNSPECIFIED", option: str = "", decision_id: str = "d-1", replayed: bool = False) -> gateway_pb2.DecideResponse:
    decision = types_pb2.Decision(
        decision_id=decision_id,
        status=types_pb2.DecisionStatus.Value(f"DECISION_STATUS_{status}"),
        stop=types_pb2.DecideStop.Value(f"DECIDE_STOP_{stop}"),
        option=option,
    )
    return gateway_pb2.DecideResponse(decision=decision, replayed=replayed)


def because(reason: str, retry: str, *, after_s: float | None = None) -> types_pb2.ReasonDetail:
    return types_pb2.ReasonDetail(
        reason=reason_pb2.Reason.Value(f"REASON_{reason}"),
        retry=types_pb2.Retry.Value(f"RETRY_{retry}"),
        retry_after=None if after_s is None else span(after_s),
    )
