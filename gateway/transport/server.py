"""The gRPC servers: one a listener, the services its role may call, health always, reflection only when asked for.

1. Handlers get raw bytes: even a message that cannot be read is answered by us.
2. A listener for workflows serves GatewayService alone; one for operators serves OperatorService and AuditService alone.
3. Stopping refuses new calls, lets those under way end within the grace, and removes its sockets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from countersign.v1 import audit_pb2, gateway_pb2, operator_pb2
from gateway.domain.identity import Role
from gateway.domain.limits import WIRE_BYTES_CUT
from gateway.transport.handler import Method, Telling, handler, not_built
from gateway.transport.listener import Listener, bind, clear, prepare
from gateway.transport.servicers.gateway import GatewayServicer
from gateway.transport.servicers.operator import OperatorServicer

_GATEWAY: Final = gateway_pb2.DESCRIPTOR.services_by_name["GatewayService"]
_OPERATOR: Final = operator_pb2.DESCRIPTOR.services_by_name["OperatorService"]
_AUDIT: Final = audit_pb2.DESCRIPTOR.services_by_name["AuditService"]
OPTIONS: Final = (
    ("grpc.max_receive_message_length", WIRE_BYTES_CUT),
    ("grpc.max_send_message_length", WIRE_BYTES_CUT),
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_concurrent_streams", 2_000),
    ("grpc.server.max_pending_requests", 4_000),  # beyond 1,000 the library would draw lots and answer CANCELLED: who comes too many is told by the doorkeeper
    ("grpc.server.max_pending_requests_hard_limit", 8_000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Servicers:
    gateway: GatewayServicer
    operator: OperatorServicer


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One listener being served; `port` is 1 for a unix socket."""

    listener: Listener
    port: int
    server: grpc.aio.Server
    health: health.aio.HealthServicer

    async def stop(self, *, grace_s: float) -> None:
        await self.health.enter_graceful_shutdown()
        await self.server.stop(grace_s)
        clear(self.listener)


async def start(listeners: Sequence[Listener], servicers: Servicers, *, telling: Telling, reflect: bool) -> list[Serving]:
    """Serves every listener, or none: one that is refused stops those already started. Raises `ListenerRefused`."""
    for listener in listeners:
        prepare(listener)
    serving: list[Serving] = []
    try:
        for listener in listeners:
            serving.append(await _serve(listener, servicers, telling=telling, reflect=reflect))  # noqa: PERF401 - those started are stopped when one fails
    except BaseException:
        for one in serving:
            await one.stop(grace_s=0)
        raise
    return serving


async def _serve(listener: Listener, servicers: Servicers, *, telling: Telling, reflect: bool) -> Serving:
    server = grpc.aio.server(options=OPTIONS)
    names = []
    for service, methods in _methods(listener.caller.role, servicers).items():
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            name: grpc.unary_unary_rpc_method_handler(handler(name, method, listener, telling)) for name, method in methods.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        names.append(service)
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    if reflect:
        from grpc_reflection.v1alpha import reflection  # noqa: PLC0415 - the gateway asks for none

        reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    port = bind(listener, server)
    await server.start()
    for name in ("", *names):
        await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    return Serving(listener=listener, port=port, server=server, health=healthy)


def _methods(role: Role, servicers: Servicers) -> Mapping[str, Mapping[str, Method]]:
    """service → RPC → method, for a role. What a role may not call is still answered, with NOT_ALLOWED."""
    if role is Role.WORKFLOW:
        return {_GATEWAY.full_name: gateway_methods(servicers.gateway)}
    return {_OPERATOR.full_name: operator_methods(servicers.operator), _AUDIT.full_name: {method.name: not_built for method in _AUDIT.methods}}


def gateway_methods(of: GatewayServicer) -> dict[str, Method]:
    return {
        "Decide": of.decide, "Commit": of.commit, "PreviewCommit": of.preview_commit, "GetCommit": of.get_commit, "WaitCommit": of.wait_commit,
        "RecordStep": of.record_step, "FinishRun": of.finish_run, "GetRun": of.get_run,
    }  # fmt: skip


def operator_methods(of: OperatorServicer) -> dict[str, Method]:
    return {
        "ListCommits": of.list_commits, "ResolveCommit": of.resolve_commit, "ReconcileCommit": of.reconcile_commit, "Halt": of.halt,
        "Resume": of.resume, "ListHalts": of.list_halts, "ListBudgets": of.list_budgets, "GetActivation": of.get_activation,
        "InspectCommit": of.inspect_commit, "InspectRun": of.inspect_run,
    }  # fmt: skip
