"""An operator's listener that says what it was told to say: a real gRPC server on a unix socket, one reply a request, every request kept."""

from collections import deque
from concurrent import futures
from pathlib import Path
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2

from countersign.v1 import operator_pb2, types_pb2

SERVICE: Final = "countersign.v1.OperatorService"


class Refusal:
    """An error with our stamp."""

    def __init__(self, code: grpc.StatusCode, reason: str, message: str, *, field: str = "") -> None:
        self.code: Final = code
        self.message: Final = message
        info, bad = Any(), Any()
        info.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="countersign.dev"))
        violation = error_details_pb2.BadRequest.FieldViolation(field=field, description="not this")
        bad.Pack(error_details_pb2.BadRequest(field_violations=[violation] if field else []))
        self.details: Final = status_pb2.Status(code=code.value[0], message=message, details=[info, bad]).SerializeToString()


class ScriptedOperator(grpc.GenericRpcHandler):
    """`says` gives it its next replies; `seen` is what it was asked: method, request, metadata."""

    def __init__(self, folder: Path) -> None:
        self.address: Final = f"unix:{folder / 'operator.sock'}"
        self.seen: Final[list[tuple[str, Message, dict[str, str | bytes]]]] = []
        self._replies: Final[deque[Message | Refusal]] = deque()
        self._server: Final = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
        self._server.add_generic_rpc_handlers((self,))
        self._server.add_insecure_port(self.address)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=None).wait()

    def says(self, *replies: Message | Refusal) -> None:
        self._replies.extend(replies)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        method = handler_call_details.method.removeprefix(f"/{SERVICE}/")
        return grpc.unary_unary_rpc_method_handler(lambda body, context: self._answer(method, body, context))

    def _answer(self, method: str, body: bytes, context: grpc.ServicerContext) -> bytes:
        kind: type[Message] = getattr(operator_pb2, f"{method}Request")
        self.seen.append((method, kind.FromString(body), dict(context.invocation_metadata())))
        reply = self._replies.popleft()
        if isinstance(reply, Refusal):
            context.set_trailing_metadata((("grpc-status-details-bin", reply.details),))
            context.abort(reply.code, reply.message)
        return reply.SerializeToString()


def at(seconds: float) -> Timestamp:
    """So long after the run was opened."""
    moment = Timestamp()
    moment.FromMilliseconds(1_700_000_000_000 + int(seconds * 1000))
    return moment


def budget(*, held: int = 0, settled: int = 0, left: int = 0, limit: int = 0, ledger: str = "value", currency: str = "USD") -> types_pb2.BudgetMovement:
    return types_pb2.BudgetMovement(
        level="tenant", scope="acme", ledger=ledger, currency=currency, window="month", held=held, settled=settled, left=left, limit=limit
    )


def commit(**more: object) -> types_pb2.Commit:
    said: dict[str, object] = {
        "commit_id": "c-1",
        "generation": 1,
        "outcome": types_pb2.OUTCOME_SUCCEEDED,
        "verdict_id": "v-1",
        "activation_revision": "rev-7",
        "activation_number": 7,
        "idempotency_key": "r-1/select_plan/activate_plan",
        "run_id": "r-1",
        "workflow": "activate_subscription",
        "step": "select_plan",
        "action": "activate_plan",
        "target": "billing",
        "create_time": at(1),
        "entry_hash": b"\xab" * 32,
    }
    made = types_pb2.Commit()
    for name, value in (said | more).items():
        field = made.DESCRIPTOR.fields_by_name[name]
        if isinstance(value, list):
            getattr(made, name).extend(value)
        elif field.message_type is not None and isinstance(value, Message):
            getattr(made, name).CopyFrom(value)
        else:
            setattr(made, name, value)
    return made
