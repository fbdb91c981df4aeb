"""Sends drawn messages to a real server over SQLite, and looks at every answer.

1. An answer is a message of its kind, or an error of ours: a status with our ErrorInfo. Never INTERNAL, never the library's own error, never silence.
2. Afterwards the books add up, nothing is left under way, and a plain write still succeeds.
"""

import tempfile
from pathlib import Path
from typing import Final

import grpc
from google.protobuf import message_factory
from google.protobuf.message import DecodeError

from countersign.v1 import audit_pb2, gateway_pb2, operator_pb2, types_pb2
from gateway.adapters.store.sqlite import SqliteStore
from gateway.domain.conservation import discrepancies
from gateway.domain.identity import Role
from gateway.transport.status import DOMAIN
from tests.fakes.clock import FakeClock
from tests.fakes.commands import CREDIT, caller, encoded
from tests.fakes.gateway import NEVER_S, FakeGateway, gateway
from tests.fakes.ids import CountingIds
from tests.fakes.served import GATEWAY, Refused, Served, every_role, served
from tests.simulation.fuzz.messages import Sent

ANSWERS_S_MAX: Final = 20.0
WAITS_S_MAX: Final = 0.6  # of WaitCommit, which may wait for what never ends
BETWEEN_MS: Final = 40
LIFT_EVERY: Final = 20
OURS: Final = frozenset({
    grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.NOT_FOUND, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNIMPLEMENTED,
})  # fmt: skip
_OPERATOR: Final = caller("*", name="ops", role=Role.OPERATOR)
_PLAIN: Final = gateway_pb2.CommitRequest(
    idempotency_key="afterwards", run_id="afterwards", workflow="subscribe", step="write", action="top_up", payload=encoded(CREDIT)
)  # fmt: skip
_ANSWERS: Final = {
    f"{service.full_name}/{method.name}": message_factory.GetMessageClass(method.output_type)
    for of in (gateway_pb2, operator_pb2, audit_pb2) for service in of.DESCRIPTOR.services_by_name.values() for method in service.methods
}  # fmt: skip


async def send_all(messages: list[Sent]) -> list[str]:
    """What is wrong with how they were answered."""
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="cs-fuzz-") as folder:
        clock = FakeClock()
        store = await SqliteStore.open(Path(folder) / "store.db", ids=CountingIds(), clock=clock, reserve_bytes=0)
        async with gateway(store=store, clock=clock) as one, served(one, every_role(Path(folder))) as wire:
            for number, message in enumerate(messages):
                clock.advance(ms=BETWEEN_MS)
                wrong += [f"{number}: {message.method} {message.body[:300]!r}: {what}" for what in await _send(wire, message)]
                if number % LIFT_EVERY == 0:
                    await _lift(one)
            await _lift(one)
            answered = await wire.ask("workflow", f"{GATEWAY}/Commit", _PLAIN, gateway_pb2.CommitResponse)
            wrong += [] if answered.commit.outcome == types_pb2.OUTCOME_SUCCEEDED else [f"a plain write ended {answered.commit.outcome}"]
            wrong += [str(found) for found in discrepancies(await store.books())]
            wrong += [f"{len(one.keeper)} pieces of kept work are left"] if len(one.keeper) else []
            wrong += [f"a fault: {fault!r}" for _, fault in wire.told.faults]
            wrong += [f"a bug: {bug!r}" for _, bug in wire.told.bugs]
            wire.told.bugs.clear()  # told above, with everything else
        await store.close()
    return wrong


async def _send(wire: Served, message: Sent) -> list[str]:
    waits = message.method.endswith("/WaitCommit")
    timeout_s = (WAITS_S_MAX if waits else ANSWERS_S_MAX) if message.deadline else None
    metadata = [("traceparent", message.traceparent)] if message.traceparent else []
    answered = await wire.raw(message.listener, message.method, message.body, timeout_s=timeout_s, metadata=metadata)
    if not isinstance(answered, Refused):
        return _read(message, answered)
    if answered.code not in OURS or answered.info is None or answered.info.domain != DOMAIN:
        return [f"{answered.code.name} {answered.message[:200]!r} with {answered.info}"]
    return []


def _read(message: Sent, answered: bytes) -> list[str]:
    try:
        _ANSWERS[message.method].FromString(answered)
    except DecodeError as why:
        return [f"the answer cannot be read: {why}"]
    return [] if message.deadline else ["a call without a deadline was answered"]


async def _lift(one: FakeGateway) -> None:
    """A drawn Halt stops everything that comes after it."""
    for halt in await one.store.halts(include_lifted=False):
        await one.halts.lift(halt.halt_id, reason="over", caller=_OPERATOR, hand_over_by_s=NEVER_S)
