"""Messages drawn from the descriptors of the contract: nearly right, quite wrong, and bytes that are no message at all.

1. A field is drawn by its kind; one whose name the boundary of the tests knows mostly gets something that exists.
2. What was drawn is sent as it is, and again damaged, cut, twice over, or to another RPC.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from google.protobuf import descriptor as pb
from google.protobuf import message_factory
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from countersign.v1 import audit_pb2, gateway_pb2, operator_pb2, types_pb2

_F: Final = pb.FieldDescriptor
_SERVICES: Final = {
    "workflow": gateway_pb2.DESCRIPTOR.services_by_name["GatewayService"],
    "operator": operator_pb2.DESCRIPTOR.services_by_name["OperatorService"],
    "resolver": operator_pb2.DESCRIPTOR.services_by_name["OperatorService"],
    "viewer": audit_pb2.DESCRIPTOR.services_by_name["AuditService"],
}
_KNOWN: Final[dict[str, tuple[str, ...]]] = {
    "run_id": ("run-1", "run-2", "run-3", "run-4"), "workflow": ("subscribe", "subscribe", "elsewhere"), "step": ("write", "select", "read_account"),
    "action": ("top_up", "notify", "activate_plan"), "idempotency_key": ("K-1", "K-2", "K-3", "K-4", "K-5"), "tenant": ("acme", "zeta", ""),
    "target": ("billing", "mail"), "model": ("small",), "reason": ("drill",), "note": ("done",), "evidence": ("looked",), "page_token": ("", "1", "7"),
    "allowed_options": ("basic", "pro", "enterprise"), "decision_id": ("", "id-000003", "id-000009"), "commit_id": ("id-000003", "id-000005"),
    "supersedes": ("", "", "id-000003", "id-000005"), "halt_id": ("id-000002",),
}  # fmt: skip
_DOCUMENTS: Final = (
    b'{"account":"team-12","slot":7,"amount":1000}', b'{"account":"team-12","plan":"basic","amount":10}', b'{"team_size":12}', b"{}", b"",
    b'{"text":"hello"}', b'{"account":"../..","slot":-1,"amount":1e400}', b'{"account":"\\ud800","slot":7,"amount":1}', b"[" * 40, b"\xff\xfe",
    b'{"account":"a\\u0000b","slot":9223372036854775808,"amount":true}', b'{"account":"x","slot":7,"amount":10000000000000000}',
)  # fmt: skip
_TEXTS: Final = st.one_of(
    st.text(max_size=20), st.sampled_from(["", "\x00", "\x1f", "a\nb", "\u2028", "\U0001f600", "é" * 200, "x" * 300, "x" * 70_000, "' OR 1=1 --", "../../x"])
)
_NUMBERS: Final = st.sampled_from([0, 1, -1, 2, 100, 500, 501, 2**31 - 1, -(2**31)])
_NOTHING: Final = st.none()
_LONG: Final = st.one_of(_NUMBERS, st.sampled_from([2**63 - 1, -(2**63), 10**15, 253_402_300_799, 253_402_300_800, -62_135_596_801]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One thing sent to one RPC of one listener."""

    listener: str
    method: str
    body: bytes
    traceparent: str
    deadline: bool  # a call without one is to be refused


def _scalar(field: pb.FieldDescriptor) -> SearchStrategy[Any]:
    match field.cpp_type:
        case _F.CPPTYPE_STRING if field.type == _F.TYPE_BYTES:
            return st.one_of(st.sampled_from(_DOCUMENTS), st.binary(max_size=40))
        case _F.CPPTYPE_STRING:
            known = _KNOWN.get(field.name)
            exists = st.sampled_from(known) if known else _TEXTS
            return st.integers(0, 11).flatmap(lambda drawn: exists if drawn < 11 else _TEXTS)
        case _F.CPPTYPE_BOOL:
            return st.booleans()
        case _F.CPPTYPE_ENUM:
            assert field.enum_type is not None, "an enum field has its enum"
            return st.sampled_from([*(value.number for value in field.enum_type.values), 99, -1])
        case _F.CPPTYPE_INT64 | _F.CPPTYPE_INT32 if field.cpp_type == _F.CPPTYPE_INT64:
            return _LONG
        case _F.CPPTYPE_INT32:
            return _NUMBERS
    raise AssertionError(f"{field.full_name} is of a kind that nobody drew before")


@cache
def message(of: pb.Descriptor) -> SearchStrategy[Message]:
    """Any message of a kind: each field mostly set."""
    made = message_factory.GetMessageClass(of)
    fields = [_field(field) for field in of.fields]
    return st.tuples(*fields).map(lambda setters: _built(made, setters))


def _field(field: pb.FieldDescriptor) -> SearchStrategy[Callable[[Message], None]]:
    one = message(field.message_type) if field.message_type else _scalar(field)
    if field.is_repeated:
        return st.lists(one, max_size=3).map(lambda items: lambda into: _extend(into, field, items))
    some = st.integers(0, 9).flatmap(lambda drawn: _NOTHING if drawn == 9 else one)
    return some.map(lambda value: lambda into: _put(into, field.name, value))


def _put(into: Message, name: str, value: Any) -> None:
    if isinstance(value, Message):
        getattr(into, name).CopyFrom(value)
    elif value is not None:
        setattr(into, name, value)


def _extend(into: Message, field: pb.FieldDescriptor, items: list[Any]) -> None:
    getattr(into, field.name).extend(items)


def _built(made: type[Message], setters: tuple[Callable[[Message], None], ...]) -> Message:
    built = made()
    for put in setters:
        put(built)
    return built


def _damaged(body: bytes, how: int, place: int, byte: int) -> bytes:
    at = place % (len(body) + 1)
    match how:
        case 0:
            return body[:at]
        case 1:
            return body[:at] + bytes([byte]) + body[at + 1 :]
        case 2:
            return body[:at] + bytes([byte]) + body[at:]
        case 3:
            return body + body
        case 4:
            return body + b"\xba\x3e\x03abc"  # a field that nobody knows
        case 5:
            return bytes([byte]) * (place % 64)
    return body


_methods = [(listener, method) for listener, service in _SERVICES.items() for method in service.methods]
RPCS: Final = frozenset(method.full_name for _, method in _methods)
_mostly = [pair for pair in _methods if pair[1].name in {"Commit", "Decide", "PreviewCommit", "RecordStep"} for _ in range(4)]


def _right() -> dict[str, list[Message]]:
    """Requests that nothing is wrong with."""
    run, of = "run-1", "subscribe"
    commits = [
        gateway_pb2.CommitRequest(idempotency_key=f"K-{number}", run_id=run, workflow=of, step="write", action=action, payload=payload)
        for number, (action, payload) in enumerate([("top_up", _DOCUMENTS[0]), ("notify", b'{"text":"hello"}'), ("top_up", _DOCUMENTS[0])])
    ]  # fmt: skip
    decide = gateway_pb2.DecideRequest(idempotency_key="D-1", step="select", context=b'{"team_size":12}', run_id=run, workflow=of)
    step = gateway_pb2.RecordStepRequest(idempotency_key="S-1", step="read_account", result=b'{"seats":12}', run_id=run, workflow=of)
    return {
        "Commit": [*commits], "PreviewCommit": [gateway_pb2.PreviewCommitRequest(commit=one) for one in commits], "Decide": [decide], "RecordStep": [step],
        "GetRun": [gateway_pb2.GetRunRequest(page_size=5, run_id=run, workflow=of)], "WaitCommit": [gateway_pb2.WaitCommitRequest(idempotency_key="K-1")],
        "GetCommit": [gateway_pb2.GetCommitRequest(idempotency_key="K-1")], "Halt": [operator_pb2.HaltRequest(reason="drill")],
        "FinishRun": [gateway_pb2.FinishRunRequest(idempotency_key="F-1", stop=types_pb2.RUN_STOP_FINAL_RESULT, run_id=run, workflow=of)],
    }  # fmt: skip


_RIGHT: Final = _right()


def _exchanged(right: Message, other: Message, names: list[str]) -> Message:
    """A right request with some fields of another."""
    made = type(right)()
    made.CopyFrom(right)
    for field in right.DESCRIPTOR.fields:
        if field.name in names:
            made.ClearField(field.name)
            if field.is_repeated:
                getattr(made, field.name).extend(getattr(other, field.name))
            elif not field.message_type or other.HasField(field.name):
                _put(made, field.name, getattr(other, field.name))
    return made


def _request(of: pb.MethodDescriptor) -> SearchStrategy[Message]:
    anything = message(of.input_type)
    right = _RIGHT.get(of.name)
    if not right:
        return anything
    names = st.lists(st.sampled_from([field.name for field in of.input_type.fields]), max_size=2)
    nearly = st.builds(_exchanged, st.sampled_from(right), anything, names)
    return st.one_of(nearly, nearly, nearly, anything)


@cache
def _sent(pair: tuple[str, pb.MethodDescriptor]) -> SearchStrategy[Sent]:
    listener, method = pair
    name = f"{method.containing_service.full_name}/{method.name}"
    bodies = _request(method).map(lambda one: one.SerializeToString())
    return bodies.map(lambda body: Sent(listener=listener, method=name, body=body, traceparent="", deadline=True))


MESSAGES: Final = st.sampled_from([*_methods, *_mostly]).flatmap(_sent)
VARIANTS: Final = 4  # of each, besides itself


def drawn(count: int, *, seeded: int) -> list[Sent]:
    """`count` of them, in a multiple of five; the same seed draws the same. Each message comes as it was drawn, and in variants."""
    found: list[Sent] = []
    chance = random.Random(seeded)  # noqa: S311 - reproducible on purpose

    @seed(seeded)
    @settings(max_examples=max(1, count // (VARIANTS + 1)), database=None, deadline=None, phases=(Phase.generate,), suppress_health_check=[*HealthCheck])
    @given(MESSAGES)
    def keep(one: Sent) -> None:
        found.append(one)

    keep()
    return [variant for one in found for variant in (one, *(_variant(one, chance) for _ in range(VARIANTS)))]


def _variant(of: Sent, chance: random.Random) -> Sent:
    body = _damaged(of.body, chance.randrange(9), chance.randrange(500), chance.randrange(256))
    listener, method = of.listener, of.method
    if chance.random() < 0.1:
        listener, other = chance.choice(_methods)
        method = f"{other.containing_service.full_name}/{other.name}"
    traced = chance.choice(["", "", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-" + "0" * 32, "x" * 500])
    return Sent(listener=listener, method=method, body=body, traceparent=traced, deadline=chance.random() > 0.03)
