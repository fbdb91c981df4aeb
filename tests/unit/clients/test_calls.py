"""Single calls: one request each, a typed answer, and nothing invented on the way."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from countersign import Client, EntryKind, Outcome, Reason, Retry, RunStop
from countersign.encoding import Write
from countersign.v1 import gateway_pb2, types_pb2
from tests.unit.clients.scripted import ScriptedGateway, because, commit_message, committed, decided
from tests.unit.clients.test_commit_until_ended import SENT, WRITE
from tests.unit.clients.test_decide_until_ended import QUESTION


def test_commit_is_one_request_whatever_the_answer(gateway: ScriptedGateway, client: Client) -> None:
    """A single call does not wait for what is in progress."""
    gateway.says(committed("IN_PROGRESS"))

    commit = client.commit(**WRITE)

    assert commit.outcome is Outcome.IN_PROGRESS
    assert [one.request for one in gateway.seen] == [SENT]


def test_commit_carries_expire_time_supersedes_and_deadline(gateway: ScriptedGateway, client: Client) -> None:
    """What the caller adds travels: the instant in UTC, the generation to supersede, the call's own deadline."""
    gateway.says(committed("SUCCEEDED"))
    until_noon_in_paris: Write = {**WRITE, "expire_time": datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=1)))}

    client.commit(**until_noon_in_paris, supersedes="c-0", deadline_s=3)

    request = gateway.sent("Commit")[0]
    assert isinstance(request, gateway_pb2.CommitRequest)
    assert request.expire_time.ToDatetime(tzinfo=UTC) == datetime(2026, 11, 22, 11, tzinfo=UTC)
    assert request.supersedes == "c-0"
    assert round(gateway.seen[0].time_left_s) == 3


def test_raw_bytes_travel_as_they_are(gateway: ScriptedGateway, client: Client) -> None:
    """A payload given as bytes is not parsed, ordered or trimmed."""
    as_bytes: Write = {**WRITE, "payload": b'{ "b":1.0,"a":2 }\n'}
    gateway.says(committed("SUCCEEDED"))

    client.commit(**as_bytes)

    request = gateway.sent("Commit")[0]
    assert isinstance(request, gateway_pb2.CommitRequest)
    assert request.payload == b'{ "b":1.0,"a":2 }\n'


def test_a_decision_can_be_handed_over_as_it_came(gateway: ScriptedGateway, client: Client) -> None:
    """`decision` takes the decision itself as well as its id."""
    gateway.says(decided("DECIDED", option="team_pro", decision_id="d-1"), committed("SUCCEEDED"))
    with_decision: Write = {**WRITE, "decision": client.decide(**QUESTION)}

    client.commit(**with_decision)

    assert gateway.sent("Commit") == [SENT]


def test_a_denial_is_an_answer_with_facts(gateway: ScriptedGateway, client: Client) -> None:
    """Reasons come as enums, facts as they were sent, advice as a span of time."""
    denial = because("BUDGET_EXHAUSTED", "AFTER", after_s=1.5)
    denial.facts["left"] = "40000"
    gateway.says(committed("DENIED", denial))

    commit = client.commit(**WRITE)

    reason = commit.reasons[0]
    assert (commit.outcome, commit.succeeded, commit.ended) == (Outcome.DENIED, False, True)
    assert (reason.reason, reason.retry, reason.retry_after) == (Reason.BUDGET_EXHAUSTED, Retry.AFTER, timedelta(seconds=1.5))
    assert reason.facts == {"left": "40000"}


def test_preview_sends_the_request_as_it_would_be_sent(gateway: ScriptedGateway, client: Client) -> None:
    """PreviewCommit wraps the very request that `commit` sends."""
    gateway.says(gateway_pb2.PreviewCommitResponse(admitted=False, reasons=[because("HALTED", "WHEN_CHANGED")], activation_revision="rev-7"))

    preview = client.preview(**WRITE)

    assert (preview.admitted, preview.reasons[0].reason, preview.activation_revision) == (False, Reason.HALTED, "rev-7")
    assert [one.request for one in gateway.seen] == [gateway_pb2.PreviewCommitRequest(commit=SENT)]


def test_a_commit_is_found_by_id_or_by_key(gateway: ScriptedGateway, client: Client) -> None:
    """Either name travels as itself; both or none is the caller's mistake and sends nothing."""
    gateway.says(*[gateway_pb2.GetCommitResponse(commit=commit_message("SUCCEEDED"))] * 2)

    client.get_commit(commit_id="c-1")
    client.get_commit(key="k-1")

    assert gateway.sent("GetCommit") == [gateway_pb2.GetCommitRequest(commit_id="c-1"), gateway_pb2.GetCommitRequest(idempotency_key="k-1")]
    with pytest.raises(ValueError, match="one of the two"):
        client.get_commit()
    with pytest.raises(ValueError, match="one of the two"):
        client.wait_commit(commit_id="c-1", key="k-1")
    assert len(gateway.seen) == 2


def test_a_trace_is_read_page_after_page(gateway: ScriptedGateway, client: Client) -> None:
    """`get_run` follows the page tokens and keeps the order."""
    steps = [types_pb2.TraceEntry(kind=types_pb2.ENTRY_KIND_STEP_RECORDED, step=name) for name in ("a", "b", "c")]
    ended = types_pb2.TraceEntry(kind=types_pb2.ENTRY_KIND_RUN_STOPPED, stop=types_pb2.RUN_STOP_FINAL_RESULT)
    run = types_pb2.Run(run_id="r-1", workflow="w", stop=types_pb2.RUN_STOP_FINAL_RESULT)
    gateway.says(gateway_pb2.GetRunResponse(run=run, entries=steps[:2], next_page_token="p-2"), gateway_pb2.GetRunResponse(run=run, entries=[steps[2], ended]))

    trace = client.get_run(run_id="r-1", workflow="w")

    assert [entry.step for entry in trace.entries] == ["a", "b", "c", ""]
    assert (trace.entries[3].kind, trace.entries[3].stop, trace.run.stop) == (EntryKind.RUN_STOPPED, RunStop.FINAL_RESULT, RunStop.FINAL_RESULT)
    assert [getattr(request, "page_token", None) for request in gateway.sent("GetRun")] == ["", "p-2"]


def test_an_open_run_has_no_stop(gateway: ScriptedGateway, client: Client) -> None:
    """The zero value of a run's stop means that it is open."""
    gateway.says(gateway_pb2.GetRunResponse(run=types_pb2.Run(run_id="r-1", workflow="w")))

    trace = client.get_run(run_id="r-1", workflow="w")

    assert (trace.run.stop, trace.run.end_time, trace.entries) == (None, None, ())
