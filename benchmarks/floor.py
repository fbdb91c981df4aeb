"""`python -m benchmarks.floor --socket FILE --host URL`: the bare pass-through that a governed commit is measured beside.

1. The gateway's stack: its gRPC server with its options, raw bytes, its event loop, its client for the host, the same declaration of the host.
2. It governs nothing: no policy, no budget, no key, no record. One write in, one write out, one answer back.
3. What it forwards did reach the host, or the call fails: a floor that loses writes would be no floor.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import grpc
import uvloop

from benchmarks.terms import COMMIT, DEADLINE_S, PATH, TARGET, host_spec
from countersign.v1 import gateway_pb2, types_pb2
from gateway.adapters.hosts.http import HttpHost
from gateway.adapters.system import SystemClock
from gateway.domain.host_answer import HttpReply
from gateway.ports.host import Delivery, Host
from gateway.ports.system import Clock
from gateway.transport.server import OPTIONS

READY: Final = "floor is ready"
_CREATED: Final = 201

Context = grpc.aio.ServicerContext[bytes, bytes]


def passing(host: Host, clock: Clock) -> Callable[[bytes, Context], Awaitable[bytes]]:
    """The behaviour of Commit where nothing is governed."""

    async def behave(request: bytes, context: Context) -> bytes:
        asked = gateway_pb2.CommitRequest.FromString(request)
        seen = await host.apply(
            Delivery(
                target=TARGET, action=asked.action, method="POST", path=PATH, payload=asked.payload, key=asked.idempotency_key,
                not_after_ms=clock.now_ms() + int(DEADLINE_S * 1000), send_by_s=clock.boot_s() + DEADLINE_S, traceparent="",
            )
        )  # fmt: skip
        if not isinstance(seen, HttpReply) or seen.status != _CREATED:
            await context.abort(grpc.StatusCode.INTERNAL, f"the host did not take it: {seen}")
            raise AssertionError("abort raises")
        commit = types_pb2.Commit(outcome=types_pb2.OUTCOME_SUCCEEDED, host_status=seen.status, host_response=seen.body)
        return gateway_pb2.CommitResponse(commit=commit).SerializeToString()

    return behave


async def serve(*, socket: str, base_url: str) -> None:
    """Serves until standard input ends."""
    host = HttpHost(host_spec(base_url), SystemClock())
    server = grpc.aio.server(options=OPTIONS)
    _, service, method = COMMIT.split("/")
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {method: grpc.unary_unary_rpc_method_handler(passing(host, SystemClock()))}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    print(READY, flush=True)
    await ended.wait()
    await server.stop(None)
    await host.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    parser.add_argument("--host", required=True)
    arguments = parser.parse_args()
    uvloop.run(serve(socket=arguments.socket, base_url=arguments.host))
