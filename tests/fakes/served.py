"""A fake gateway behind the real transport: real servers on unix sockets or loopback, called with raw bytes by a bare client.

1. One listener a role; `call` names the RPC by its full name, so that anything can be sent anywhere.
2. What the transport tells of is kept: a test that provokes no bug asserts that there was none.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from gateway.domain.faults import Fault
from gateway.domain.identity import Caller, Role
from gateway.service.ask_now import AskNow
from gateway.service.turnstile import Turnstile
from gateway.transport.handler import Telling
from gateway.transport.listener import Listener, Tls
from gateway.transport.server import Servicers, Serving, start
from gateway.transport.servicers.gateway import GatewayServicer
from gateway.transport.servicers.operator import OperatorServicer
from tests.fakes.activation import TENANT
from tests.fakes.gateway import FakeGateway

GATEWAY: Final = "countersign.v1.GatewayService"
OPERATOR: Final = "countersign.v1.OperatorService"
AUDIT: Final = "countersign.v1.AuditService"
M = TypeVar("M", bound=Message)


class KeptTelling(Telling):
    def __init__(self) -> None:
        self.faults: list[tuple[str, Fault]] = []
        self.bugs: list[tuple[str, BaseException]] = []

    def fault(self, method: str, fault: Fault) -> None:
        self.faults.append((method, fault))

    def bug(self, method: str, bug: BaseException) -> None:
        self.bugs.append((method, bug))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An error as a client sees it."""

    code: grpc.StatusCode
    message: str
    info: ErrorInfo | None  # None: not one of ours
    fields: tuple[tuple[str, str], ...]
    retry_ms: int
    pushback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    serving: Sequence[Serving]
    told: KeptTelling
    channels: Mapping[str, grpc.aio.Channel] = field(repr=False)  # by listener name

    async def raw(
        self, listener: str, method: str, request: bytes, *, timeout_s: float | None = 5.0, metadata: Sequence[tuple[str, str]] = ()
    ) -> bytes | Refused:
        """`method` is service/RPC. An answer's bytes, or the error as it came."""
        invoke = self.channels[listener].unary_unary(f"/{method}", request_serializer=bytes, response_deserializer=bytes)
        try:
            answered: bytes = await invoke(request, timeout=timeout_s, metadata=tuple(metadata))
        except grpc.aio.AioRpcError as error:
            return _read(error)
        return answered

    async def ask(self, listener: str, method: str, request: Message, answer: type[M]) -> M:
        """Where the test expects an answer."""
        answered = await self.raw(listener, method, request.SerializeToString())
        assert isinstance(answered, bytes), answered
        return answer.FromString(answered)

    async def refused(self, listener: str, method: str, request: Message | bytes, *, metadata: Sequence[tuple[str, str]] = ()) -> Refused:
        body = request if isinstance(request, bytes) else request.SerializeToString()
        answered = await self.raw(listener, method, body, metadata=metadata)
        assert isinstance(answered, Refused), answered
        return answered


def changed(message: M, **changes: object) -> M:
    """A copy with these fields as given, empty ones too."""
    copy = type(message)()
    copy.CopyFrom(message)
    for name, value in changes.items():
        copy.ClearField(name)
        if isinstance(value, Message):
            getattr(copy, name).CopyFrom(value)
        elif isinstance(value, list):
            getattr(copy, name).extend(value)
        else:
            setattr(copy, name, value)
    return copy


def listener(
    name: str, address: str, *, role: Role = Role.WORKFLOW, tenant: str = TENANT, token: bytes | None = None, tls: Tls | None = None
) -> Listener:  # fmt: skip
    return Listener(name=name, address=address, caller=Caller(tenant=tenant, name=name, role=role), token=token, tls=tls)


def every_role(folder: Path) -> list[Listener]:
    """workflow, viewer, operator and resolver, each on a socket of its own."""
    tenants = {Role.WORKFLOW: TENANT, Role.VIEWER: "*", Role.OPERATOR: "*", Role.RESOLVER: "*"}
    return [listener(str(role), f"unix:{folder}/{role}.sock", role=role, tenant=tenant) for role, tenant in tenants.items()]


def servicers(of: FakeGateway) -> Servicers:
    return Servicers(
        gateway=GatewayServicer(committer=of.committer, decider=of.decider, runs=of.runs, lookup=of.lookup, turnstile=Turnstile(), clock=of.clock),
        operator=OperatorServicer(
            halts=of.halts,
            ask_now=AskNow(reconciler=of.reconciler, lookup=of.lookup, keeper=of.keeper),
            lookup=of.lookup,
            runs=of.runs,
            store=of.store,
            activation=lambda: of.activation,
        ),
    )


@asynccontextmanager
async def served(of: FakeGateway, listeners: Sequence[Listener], *, bugs: int = 0, reflect: bool = False) -> AsyncIterator[Served]:
    """`bugs`: how many the test provokes in the transport; any other number fails it."""
    told = KeptTelling()
    async with AsyncExitStack() as stack:
        serving = await start(listeners, servicers(of), telling=told, reflect=reflect)
        for one in serving:
            stack.push_async_callback(one.stop, grace_s=0.2)
        channels = {one.listener.name: await stack.enter_async_context(channel(_address(one))) for one in serving if one.listener.tls is None}
        yield Served(serving=serving, told=told, channels=channels)
    assert len(told.bugs) == bugs, told.bugs


def channel(address: str, credentials: grpc.ChannelCredentials | None = None) -> grpc.aio.Channel:
    """Retries off, whatever size."""
    options = (("grpc.enable_retries", 0), ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
    return grpc.aio.secure_channel(address, credentials, options) if credentials else grpc.aio.insecure_channel(address, options)


def _address(one: Serving) -> str:
    address = one.listener.address
    return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{one.port}"


def _read(error: grpc.aio.AioRpcError) -> Refused:
    trailing = dict(error.trailing_metadata() or ())
    packed = trailing.get("grpc-status-details-bin", b"")
    status = Status.FromString(packed if isinstance(packed, bytes) else packed.encode())
    info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
    for detail in status.details:
        for message in (info, bad, retry):
            detail.Unpack(message)
    return Refused(
        code=error.code(), message=error.details() or "", info=info if info.reason else None,
        fields=tuple((one.field, one.description) for one in bad.field_violations),
        retry_ms=retry.retry_delay.seconds * 1000 + retry.retry_delay.nanos // 1_000_000, pushback=str(trailing.get("grpc-retry-pushback-ms", "")),
    )  # fmt: skip
