"""A gRPC host on a real server: it answers as it is told, and keeps what reached it.

1. One turn per Apply, in order; the last one stays. `says` is what it answers of any key.
2. A delivery is a request that reached the handler, with its metadata.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import grpc
import grpc.aio

from countersign.host.v1 import host_pb2

_OPTIONS: Final = (("grpc.so_reuseport", 0), ("grpc.max_send_message_length", -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcTurn:
    code: grpc.StatusCode = grpc.StatusCode.OK
    answer: bytes = host_pb2.ApplyResponse(response=b'{"ok":true}').SerializeToString()
    hold: bool = False  # says nothing until the client goes


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcDelivery:
    message: host_pb2.ApplyRequest
    metadata: dict[str, str]


class GrpcHostServer:
    """`async with GrpcHostServer(GrpcTurn()) as host:` listens on loopback, or on a socket in `folder`."""

    def __init__(
        self, *turns: GrpcTurn, says: host_pb2.QueryResponse | None = None, folder: Path | None = None, tls: grpc.ServerCredentials | None = None,
        compression: grpc.Compression = grpc.Compression.NoCompression,
    ) -> None:  # fmt: skip
        self.deliveries: list[GrpcDelivery] = []
        self.queries: list[str] = []
        self.url = ""
        self._turns = turns or (GrpcTurn(),)
        self._says = says or host_pb2.QueryResponse(state=host_pb2.KEY_STATE_NOT_FOUND)
        self._folder = folder
        self._tls = tls
        self._compression = compression
        self._changed = asyncio.Condition()
        self._server: grpc.aio.Server

    async def __aenter__(self) -> Self:
        self._server = grpc.aio.server(options=_OPTIONS, compression=self._compression)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
            "countersign.host.v1.HostService",
            {"Apply": grpc.unary_unary_rpc_method_handler(self._apply), "Query": grpc.unary_unary_rpc_method_handler(self._query)},
        ),))  # fmt: skip
        if self._folder is not None:
            self.url = f"unix:{self._folder / 'host.sock'}"
            self._server.add_insecure_port(self.url)
        elif self._tls is not None:
            self.url = f"grpcs://127.0.0.1:{self._server.add_secure_port('127.0.0.1:0', self._tls)}"
        else:
            self.url = f"grpc://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._server.stop(None)

    async def until_reached(self, count: int) -> None:
        async with self._changed, asyncio.timeout(10):
            await self._changed.wait_for(lambda: len(self.deliveries) >= count)

    async def _apply(self, request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        turn = self._turns[min(len(self.deliveries), len(self._turns) - 1)]
        metadata = {str(key): value if isinstance(value, str) else value.decode() for key, value in context.invocation_metadata() or ()}
        async with self._changed:
            self.deliveries.append(GrpcDelivery(message=host_pb2.ApplyRequest.FromString(request), metadata=metadata))
            self._changed.notify_all()
        if turn.hold:
            await asyncio.Event().wait()
        if turn.code is not grpc.StatusCode.OK:
            await context.abort(turn.code, "told to")
        return turn.answer

    async def _query(self, request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        del context
        self.queries.append(host_pb2.QueryRequest.FromString(request).key)
        if any(turn.hold for turn in self._turns):
            await asyncio.Event().wait()
        return self._says.SerializeToString()
