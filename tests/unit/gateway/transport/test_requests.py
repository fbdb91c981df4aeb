"""Wire to domain: what each message becomes, and every field that can be wrong."""

from collections.abc import Callable

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from countersign.v1 import gateway_pb2, types_pb2
from gateway.domain.commands import CommitCommand, DecideCommand, FinishCommand, StepCommand, Tighter
from gateway.domain.fingerprint import VERSION
from gateway.domain.identity import Role
from gateway.domain.limits import CONTEXT_BYTES_MAX, EXPIRE_MS_DEFAULT, EXPIRE_MS_MAX, NOTE_CHARS_MAX, PAYLOAD_BYTES_MAX, STEP_RESULT_BYTES_MAX
from gateway.domain.records import KeyName, KeySpace, RunName
from gateway.domain.refusal import Refusal
from gateway.transport.call import Call
from gateway.transport.codec.requests import commit_command, commit_name, decide_command, finish_command, run_page, step_command
from tests.fakes.activation import TENANT
from tests.fakes.commands import FOREVER, NOW_MS, caller
from tests.fakes.commands import commit_command as made_commit
from tests.fakes.commands import decide_command as made_decide
from tests.fakes.served import changed

CALL = Call(method="Any", caller=caller(), traceparent="", patience=FOREVER)


def write(**changes: object) -> gateway_pb2.CommitRequest:
    made = gateway_pb2.CommitRequest(
        idempotency_key="K-1", run_id="run-1", workflow="subscribe", step="write", action="top_up", payload=made_commit().payload
    )  # fmt: skip
    return changed(made, **changes)


def question(**changes: object) -> gateway_pb2.DecideRequest:
    made = gateway_pb2.DecideRequest(idempotency_key="D-1", run_id="run-1", workflow="subscribe", step="select", context=b'{"team_size":12}')
    return changed(made, **changes)


def wrong(found: object) -> list[str]:
    assert isinstance(found, Refusal)
    return [one.path for one in found.violations]


def test_a_commit_becomes_its_command() -> None:
    """Identity is the listener's; the expire time has a default."""
    assert commit_command(write(), CALL, NOW_MS) == made_commit(expire_at_ms=NOW_MS + EXPIRE_MS_DEFAULT)


def test_a_decide_becomes_its_command() -> None:
    """Zero limits are the step's."""
    assert decide_command(question(), CALL) == made_decide()


def test_the_fingerprint_covers_what_defines_the_write_and_nothing_else() -> None:
    """Expire time, supersedes and the listener's patience are not in it."""

    def print_of(request: gateway_pb2.CommitRequest) -> bytes:
        found = commit_command(request, CALL, NOW_MS)
        assert isinstance(found, CommitCommand)
        return found.fingerprints[VERSION]

    same = [write(expire_time=Timestamp(seconds=NOW_MS // 1000 + 5)), write(supersedes="c-1"), write(idempotency_key="K-2")]
    other = [
        write(run_id="run-2"), write(workflow="w"), write(step="s"), write(action="a"), write(decision_id="d"), write(payload=b"{}"),
        write(step="writ", action="etop_up"),
    ]  # fmt: skip
    assert {print_of(request) for request in same} == {print_of(write())}
    assert len({print_of(request) for request in (write(), *other)}) == 1 + len(other)


def test_the_fingerprint_of_a_question_covers_options_and_limits() -> None:
    """Another question is another decision."""

    def print_of(request: gateway_pb2.DecideRequest) -> bytes:
        found = decide_command(request, CALL)
        assert isinstance(found, DecideCommand)
        return found.fingerprints[VERSION]

    other = [
        question(context=b"{}"), question(allowed_options=["basic"]), question(allowed_options=["pro", "basic"]), question(allowed_options=["basic", "pro"]),
        question(limits=types_pb2.DecideLimits(steps_max=1)), question(limits=types_pb2.DecideLimits(tokens_max=1)),
    ]  # fmt: skip
    assert len({print_of(request) for request in (question(), *other)}) == 1 + len(other)


@pytest.mark.parametrize(
    ("request_message", "paths"),
    [
        (write(idempotency_key=""), ["idempotency_key"]),
        (write(idempotency_key="k" * 256), ["idempotency_key"]),
        (write(idempotency_key="é" * 128), ["idempotency_key"]),  # 256 bytes
        (write(idempotency_key="a\x00b"), ["idempotency_key"]),
        (write(idempotency_key="a\x7fb"), ["idempotency_key"]),
        (write(run_id=""), ["run_id"]),
        (write(run_id="r" * 129), ["run_id"]),
        (write(workflow="w" * 65), ["workflow"]),
        (write(step=""), ["step"]),
        (write(action=""), ["action"]),
        (write(decision_id="d" * 65), ["decision_id"]),
        (write(supersedes="c" * 65), ["supersedes"]),
        (write(payload=bytes(PAYLOAD_BYTES_MAX + 1)), ["payload"]),
        (write(expire_time=Timestamp(seconds=(NOW_MS + EXPIRE_MS_MAX) // 1000 + 1)), ["expire_time"]),
        (write(expire_time=Timestamp(seconds=-1)), ["expire_time"]),
        (write(expire_time=Timestamp(seconds=1, nanos=-1)), ["expire_time"]),
        (write(expire_time=Timestamp(seconds=2**62)), ["expire_time", "expire_time"]),
    ],
)
def test_every_wrong_field_of_a_commit_is_named(request_message: gateway_pb2.CommitRequest, paths: list[str]) -> None:
    """With what was seen and what was expected."""
    assert wrong(commit_command(request_message, CALL, NOW_MS)) == paths


@pytest.mark.parametrize("key", ["k", "k" * 255, "é" * 127, " ", "K-1 \u202e"])
def test_any_other_key_is_a_key(key: str) -> None:
    """Bytes: not trimmed, not normalised."""
    found = commit_command(write(idempotency_key=key), CALL, NOW_MS)

    assert isinstance(found, CommitCommand)
    assert found.key.key == key.encode()


def test_an_expire_time_in_the_past_is_for_t1_to_refuse() -> None:
    """Whoever replays an old request gets its stored answer."""
    assert isinstance(commit_command(write(expire_time=Timestamp(seconds=1)), CALL, NOW_MS), CommitCommand)


@pytest.mark.parametrize(
    ("request_message", "paths"),
    [
        (question(context=bytes(CONTEXT_BYTES_MAX + 1)), ["context"]),
        (question(allowed_options=["basic", "basic"]), ["allowed_options"]),
        (question(allowed_options=[f"o{number}" for number in range(65)]), ["allowed_options"]),
        (question(allowed_options=["basic", ""]), ["allowed_options[1]"]),
        (question(limits=types_pb2.DecideLimits(steps_max=-1, tokens_max=-5)), ["limits.steps_max", "limits.tokens_max"]),
        (question(limits=types_pb2.DecideLimits(wall_max=Duration(seconds=-1))), ["limits.wall_max"]),
        (question(limits=types_pb2.DecideLimits(wall_max=Duration(nanos=-1))), ["limits.wall_max"]),
    ],
)
def test_every_wrong_field_of_a_question_is_named(request_message: gateway_pb2.DecideRequest, paths: list[str]) -> None:
    """Limits tighten, so none is negative."""
    assert wrong(decide_command(request_message, CALL)) == paths


def test_limits_come_as_they_were_set() -> None:
    """Wall clock in milliseconds."""
    limits = types_pb2.DecideLimits(steps_max=1, tool_calls_max=2, tokens_max=3, spend_micros_max=4, wall_max=Duration(seconds=1, nanos=500_000_000))

    found = decide_command(question(limits=limits), CALL)

    assert isinstance(found, DecideCommand)
    assert found.limits == Tighter(steps_max=1, tool_calls_max=2, tokens_max=3, spend_micros_max=4, wall_ms_max=1_500)


def test_a_step_and_its_finish_become_their_commands() -> None:
    """Each in a key space of its own."""
    step = step_command(gateway_pb2.RecordStepRequest(idempotency_key="K", run_id="r", workflow="w", step="s", result=b"{}"), CALL)
    request = gateway_pb2.FinishRunRequest(idempotency_key="K", run_id="r", workflow="w", stop=types_pb2.RUN_STOP_FAILED, note="n")
    finish = finish_command(request, CALL)

    assert isinstance(step, StepCommand)
    assert isinstance(finish, FinishCommand)
    assert (step.key, finish.key) == (KeyName(KeySpace.STEP, TENANT, b"K"), KeyName(KeySpace.FINISH, TENANT, b"K"))
    assert (finish.stop, finish.note, finish.run) == ("FAILED", "n", RunName(TENANT, "w", "r"))
    assert step.fingerprints != finish.fingerprints


@pytest.mark.parametrize(
    "stop", [stop for stop in types_pb2.RunStop.values() if types_pb2.RunStop.Name(stop) not in {"RUN_STOP_FINAL_RESULT", "RUN_STOP_FAILED"}]
)
def test_a_workflow_says_only_its_own_stops(stop: types_pb2.RunStop.ValueType) -> None:
    """The others are the gateway's."""
    request = gateway_pb2.FinishRunRequest(idempotency_key="K", run_id="r", workflow="w", stop=stop)

    assert wrong(finish_command(request, CALL)) == ["stop"]


def test_what_is_too_long_to_keep_is_refused() -> None:
    """Results and notes."""
    step = gateway_pb2.RecordStepRequest(idempotency_key="K", run_id="r", workflow="w", step="s", result=bytes(STEP_RESULT_BYTES_MAX + 1))
    finish = gateway_pb2.FinishRunRequest(
        idempotency_key="K", run_id="r", workflow="w", stop=types_pb2.RUN_STOP_FAILED, note="n" * (NOTE_CHARS_MAX + 1)
    )  # fmt: skip

    assert (wrong(step_command(step, CALL)), wrong(finish_command(finish, CALL))) == (["result"], ["note"])


@pytest.mark.parametrize("message", [gateway_pb2.GetCommitRequest, gateway_pb2.WaitCommitRequest])
def test_a_commit_is_named_by_id_or_by_key(message: Callable[..., gateway_pb2.GetCommitRequest]) -> None:
    """Neither is MALFORMED."""
    assert commit_name(message(commit_id="c-1"), TENANT) == "c-1"
    assert commit_name(message(idempotency_key="K"), TENANT) == KeyName(KeySpace.COMMIT, TENANT, b"K")
    assert wrong(commit_name(message(), TENANT)) == ["commit_id"]
    assert wrong(commit_name(message(idempotency_key=""), TENANT)) == ["idempotency_key"]


def test_a_page_of_a_run() -> None:
    """Its workflow may be left out; a token is one of ours."""
    ask = gateway_pb2.GetRunRequest
    assert run_page(ask(run_id="r"), TENANT) == (RunName(TENANT, "", "r"), 0, 100)
    assert run_page(ask(run_id="r", workflow="w", page_size=500, page_token="12"), TENANT) == (RunName(TENANT, "w", "r"), 12, 500)
    assert wrong(run_page(ask(run_id="r", page_size=501, page_token="12x"), TENANT)) == ["page_size", "page_token"]
    assert wrong(run_page(ask(run_id="r", page_size=-1, page_token="١"), TENANT)) == ["page_size", "page_token"]
    assert wrong(run_page(ask(run_id="r", page_token="9" * 19), TENANT)) == ["page_token"]


def test_the_caller_is_the_listeners() -> None:
    """Its role does not matter to what is asked."""
    other = Call(method="Any", caller=caller("zeta", name="else", role=Role.WORKFLOW), traceparent="t", patience=FOREVER)

    found = commit_command(write(), other, NOW_MS)

    assert isinstance(found, CommitCommand)
    assert (found.caller.name, found.key.tenant, found.run.tenant, found.traceparent) == ("else", "zeta", "zeta", "t")
