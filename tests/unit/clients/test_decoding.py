"""Every field of every noun arrives under its own name."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from countersign import Outcome, RunStop, decoding
from countersign.v1 import gateway_pb2, types_pb2


def fill(message: Message, seed: int = 1) -> None:
    """A different value in each field, at every depth."""
    for field in message.DESCRIPTOR.fields:
        position = seed + field.number
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            getattr(message, field.name)["fact"] = str(position)
        elif field.message_type is not None:
            inner = getattr(message, field.name)
            fill(inner.add() if field.is_repeated else inner, position)
        elif field.enum_type is not None:
            setattr(message, field.name, field.enum_type.values[1].number)
        else:
            setattr(message, field.name, scalar(field.type, position))


def scalar(kind: int, position: int) -> object:
    match kind:
        case FieldDescriptor.TYPE_BOOL:
            return True
        case FieldDescriptor.TYPE_BYTES:
            return str(position).encode()
        case FieldDescriptor.TYPE_STRING:
            return str(position)
        case _:
            return position


def plain(answer: object) -> object:
    """An answer as data, by field name."""
    names = getattr(type(answer), "__dataclass_fields__", None)
    if names is not None:
        return {name: plain(getattr(answer, name)) for name in names if name not in {"raw", "replayed"}}
    if isinstance(answer, StrEnum):
        return str(answer)
    if isinstance(answer, Mapping):
        return dict(answer)
    return [plain(one) for one in answer] if isinstance(answer, tuple) else answer


def expected(message: Message) -> dict[str, object]:
    """What a filled message should look like to a Python caller."""
    out: dict[str, object] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if isinstance(value, Mapping):
            out[field.name] = dict(value)
        elif field.is_repeated:
            out[field.name] = [expected(one) for one in value]
        elif field.enum_type is not None:
            out[field.name] = field.enum_type.values[1].name.removeprefix(field.enum_type.values[0].name.removesuffix("UNSPECIFIED"))
        else:
            out[field.name] = single(value)
    return out


def single(value: object) -> object:
    if isinstance(value, Timestamp):
        return value.ToDatetime(tzinfo=UTC)
    if isinstance(value, Duration):
        return value.ToTimedelta()
    return expected(value) if isinstance(value, Message) else value


def test_every_field_of_a_commit_arrives() -> None:
    """A commit with all its reasons and budgets, field by field."""
    wire = types_pb2.Commit()
    fill(wire)

    commit = decoding.commit(wire, replayed=True)

    assert plain(commit) == expected(wire)
    assert commit.replayed
    assert commit.raw == wire


def test_every_field_of_a_decision_arrives() -> None:
    """A decision with its evidence, usage, reasons and budgets, field by field."""
    wire = types_pb2.Decision()
    fill(wire)

    decision = decoding.decision(wire, replayed=False)

    assert plain(decision) == expected(wire)


def test_every_field_of_a_trace_and_its_run_arrives() -> None:
    """A run, and a trace entry with a commit and a decision in it."""
    run, entry = types_pb2.Run(), types_pb2.TraceEntry()
    fill(run)
    fill(entry)

    assert plain(decoding.run(run)) == expected(run)
    assert plain(decoding.trace_entry(entry)) == expected(entry)


def test_every_field_of_the_small_answers_arrives() -> None:
    """PreviewCommit and RecordStep."""
    preview, recorded = gateway_pb2.PreviewCommitResponse(), gateway_pb2.RecordStepResponse()
    fill(preview)
    fill(recorded)

    assert plain(decoding.preview(preview)) == expected(preview)
    assert plain(decoding.step_recorded(recorded)) == {name: value for name, value in expected(recorded).items() if name != "replayed"}


def test_what_is_absent_is_none() -> None:
    """No instant, no advice, no option, no stop: None, not the beginning of time."""
    commit = decoding.commit(types_pb2.Commit(reasons=[types_pb2.ReasonDetail()]), replayed=False)
    decision = decoding.decision(types_pb2.Decision(option="team_pro"), replayed=False)

    assert (commit.create_time, commit.end_time, commit.expire_time, commit.reasons[0].retry_after) == (None, None, None, None)
    assert decision.option is None
    assert decoding.run(types_pb2.Run()).stop is None


def test_codes_of_a_newer_gateway_are_unspecified() -> None:
    """An outcome this client does not know is no success and no end; an unknown stop still says that the run has stopped."""
    commit = decoding.commit(types_pb2.Commit.FromString(b"\x18\x63"), replayed=False)
    run = decoding.run(types_pb2.Run.FromString(b"\x18\x63"))

    assert (commit.outcome, commit.succeeded, commit.ended) == (Outcome.UNSPECIFIED, False, False)
    assert run.stop is RunStop.UNSPECIFIED


def test_instants_are_exact() -> None:
    """Microseconds survive."""
    wire = types_pb2.Commit()
    wire.create_time.FromJsonString("2026-11-22T12:00:00.250001Z")

    commit = decoding.commit(wire, replayed=False)

    assert commit.create_time == datetime(2026, 11, 22, 12, 0, 0, 250_001, tzinfo=UTC)
