"""A run: stable keys, the six stages in order, and an end that says what happened."""

from typing import Final

import grpc
import pytest

from countersign import Client, NotOffered, Outcome, Refused, RunStop, StepNotCounted, Unclear
from countersign.encoding import Question, Write
from countersign.v1 import gateway_pb2, types_pb2
from tests.unit.clients.scripted import Fail, Reply, ScriptedGateway, because, committed, decided, refusal

RECORDED = gateway_pb2.RecordStepResponse(steps_left=9)
WRITE: Final[Write] = {"key": "k", "run_id": "r-1", "workflow": "subscribe", "step": "select_plan", "action": "activate_plan", "payload": {}}
QUESTION: Final[Question] = {"key": "q", "run_id": "r-1", "workflow": "subscribe", "step": "select_plan", "context": {}}


def finished(stop: str) -> gateway_pb2.FinishRunResponse:
    return gateway_pb2.FinishRunResponse(run=types_pb2.Run(run_id="r-1", workflow="subscribe", stop=types_pb2.RunStop.Value(f"RUN_STOP_{stop}")))


def test_a_run_walks_the_stages_with_keys_of_its_own(gateway: ScriptedGateway, client: Client) -> None:
    """Each call carries run, workflow and a key made of names alone."""
    gateway.says(RECORDED, decided("DECIDED", option="team_pro", decision_id="d-7"), committed("SUCCEEDED"), finished("FINAL_RESULT"))

    with client.run(workflow="subscribe", run_id="r-1") as run:
        account = run.step("read_account", lambda: {"team_size": 12})
        decision = run.decide("select_plan", context={"seats": 12}, options=["team_pro"])
        commit = run.commit("activate_plan", step="select_plan", decision=decision, payload={"plan": decision.option})
        ended = run.finish()

    assert (account, decision.option, commit.outcome, ended.stop) == ({"team_size": 12}, "team_pro", Outcome.SUCCEEDED, RunStop.FINAL_RESULT)
    assert [one.request for one in gateway.seen] == [
        gateway_pb2.RecordStepRequest(idempotency_key="r-1/read_account", run_id="r-1", workflow="subscribe", step="read_account", result=b'{"team_size":12}'),
        gateway_pb2.DecideRequest(
            idempotency_key="r-1/select_plan",
            run_id="r-1",
            workflow="subscribe",
            step="select_plan",
            context=b'{"seats":12}',
            allowed_options=["team_pro"],
        ),
        gateway_pb2.CommitRequest(
            idempotency_key="r-1/select_plan/activate_plan",
            run_id="r-1",
            workflow="subscribe",
            step="select_plan",
            action="activate_plan",
            decision_id="d-7",
            payload=b'{"plan":"team_pro"}',
        ),
        gateway_pb2.FinishRunRequest(idempotency_key="r-1/finish/FINAL_RESULT", run_id="r-1", workflow="subscribe", stop=types_pb2.RUN_STOP_FINAL_RESULT),
    ]


def test_a_step_taken_twice_can_be_given_a_key(gateway: ScriptedGateway, client: Client) -> None:
    """Where a step commits one action more than once, the caller names each time."""
    gateway.says(committed("SUCCEEDED"))

    client.run(workflow="subscribe", run_id="r-1").commit("notify", step="tell", payload={}, key="r-1/tell/notify/anna")

    request = gateway.sent("Commit")[0]
    assert isinstance(request, gateway_pb2.CommitRequest)
    assert request.idempotency_key == "r-1/tell/notify/anna"


def test_an_error_of_the_workflow_finishes_the_run_failed(gateway: ScriptedGateway, client: Client) -> None:
    """The note is the error's type; its text, which may hold anything, stays here."""
    gateway.says(finished("FAILED"))

    with pytest.raises(KeyError, match="secret"), client.run(workflow="subscribe", run_id="r-1"):
        raise KeyError("secret")

    assert [one.request for one in gateway.seen] == [
        gateway_pb2.FinishRunRequest(idempotency_key="r-1/finish/FAILED", run_id="r-1", workflow="subscribe", stop=types_pb2.RUN_STOP_FAILED, note="KeyError")
    ]


def test_a_run_that_cannot_be_finished_does_not_hide_the_error(gateway: ScriptedGateway, client: Client) -> None:
    """The workflow's own error is raised, with a note that the run is still open."""
    gateway.says(refusal(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED"))

    with pytest.raises(ZeroDivisionError) as raised, client.run(workflow="subscribe", run_id="r-1"):
        raise ZeroDivisionError

    assert raised.value.__notes__[0].startswith("countersign: run r-1 could not be finished: NOT_ALLOWED")


@pytest.mark.parametrize(
    ("reply", "stops"),
    [
        (Fail(grpc.StatusCode.CANCELLED), []),
        (refusal(grpc.StatusCode.UNAVAILABLE, "NOT_READY", after_s=100), []),
        (refusal(grpc.StatusCode.INVALID_ARGUMENT, "UNDECLARED"), ["FinishRun"]),
    ],
    ids=["unclear", "passing refusal", "refusal for good"],
)
def test_a_run_that_can_go_on_stays_open(gateway: ScriptedGateway, client: Client, reply: Reply, stops: list[str]) -> None:
    """Not getting through is no failure of the run: started again with the same id it goes on. A refusal for good ends it."""
    gateway.says(reply, finished("FAILED"))

    with pytest.raises(Exception, match=r"CANCELLED|NOT_READY|UNDECLARED"), client.run(workflow="subscribe", run_id="r-1") as run:
        run.decide("select_plan", context={})

    assert gateway.methods == ["Decide", *stops]


def test_what_ends_a_process_leaves_the_run_open(gateway: ScriptedGateway, client: Client) -> None:
    """Ctrl-C is no result of the workflow."""
    with pytest.raises(KeyboardInterrupt), client.run(workflow="subscribe", run_id="r-1"):
        raise KeyboardInterrupt

    assert gateway.seen == []


def test_leaving_quietly_sends_nothing(gateway: ScriptedGateway, client: Client) -> None:
    """A run ends where the workflow says so."""
    with client.run(workflow="subscribe", run_id="r-1"):
        pass

    assert gateway.seen == []


def test_a_step_that_was_not_counted_stops_the_workflow(gateway: ScriptedGateway, client: Client) -> None:
    """Once the run has stopped, the next step raises, with the gateway's reason."""
    gateway.says(gateway_pb2.RecordStepResponse(reasons=[because("RUN_STOPPED", "NEVER")]))

    with pytest.raises(StepNotCounted, match="step read_account was not counted: RUN_STOPPED") as raised:
        client.run(workflow="subscribe", run_id="r-1").step("read_account", lambda: 12)

    assert raised.value.reasons[0].reason == "RUN_STOPPED"


KEY_REUSED = refusal(grpc.StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED")


def trace_of(*steps: tuple[str, bytes]) -> gateway_pb2.GetRunResponse:
    entries = [types_pb2.TraceEntry(kind=types_pb2.ENTRY_KIND_STEP_RECORDED, step=name, result=result) for name, result in steps]
    decision = types_pb2.TraceEntry(kind=types_pb2.ENTRY_KIND_DECISION, step="read_account")
    return gateway_pb2.GetRunResponse(run=types_pb2.Run(run_id="r-1", workflow="subscribe"), entries=[*entries, decision])


def test_a_step_taken_again_goes_on_from_the_record(gateway: ScriptedGateway, client: Client) -> None:
    """The world has changed since; the run has not: what was found first stands."""
    gateway.says(KEY_REUSED, trace_of(("keep_fitting", b"[]"), ("read_account", b'{"plan":"team_basic"}')))

    account = client.run(workflow="subscribe", run_id="r-1").step("read_account", lambda: {"plan": "team_pro"})

    assert account == {"plan": "team_basic"}
    assert gateway.methods == ["RecordStep", "GetRun"]


@pytest.mark.parametrize("trace", [trace_of(), trace_of(("read_account", b"1"), ("read_account", b"2"))], ids=["none", "two"])
def test_a_record_that_does_not_say_which_is_an_error(gateway: ScriptedGateway, client: Client, trace: gateway_pb2.GetRunResponse) -> None:
    """Nothing is guessed: without exactly one record of the step the refusal stands."""
    gateway.says(KEY_REUSED, trace)

    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        client.run(workflow="subscribe", run_id="r-1").step("read_account", lambda: 12)


def test_a_key_of_ones_own_is_ones_own_to_sort_out(gateway: ScriptedGateway, client: Client) -> None:
    """With a key given by the caller, a reused key is raised and no trace is read."""
    gateway.says(KEY_REUSED)

    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        client.run(workflow="subscribe", run_id="r-1").step("read_account", lambda: 12, key="mine")

    assert gateway.methods == ["RecordStep"]


def test_records_are_sent_again_until_answered(gateway: ScriptedGateway, client: Client) -> None:
    """RecordStep and FinishRun carry keys, so no answer means the same request again."""
    gateway.says(Fail(grpc.StatusCode.UNAVAILABLE), RECORDED, Fail(grpc.StatusCode.UNAVAILABLE), finished("TIMEOUT"))
    run = client.run(workflow="subscribe", run_id="r-1")

    recorded = run.record("read_account", {"team_size": 12})
    ended = run.finish()

    assert (recorded.steps_left, ended.stop) == (9, RunStop.TIMEOUT)
    assert gateway.sent("RecordStep")[0] == gateway.sent("RecordStep")[1]
    assert gateway.sent("FinishRun")[0] == gateway.sent("FinishRun")[1]


def test_a_run_gives_up_when_told(gateway: ScriptedGateway, client: Client) -> None:
    """`give_up_after_s` of the run bounds each of its calls."""
    gateway.says(*[Fail(grpc.StatusCode.UNAVAILABLE)] * 20)

    with pytest.raises(Unclear):
        client.run(workflow="subscribe", run_id="r-1", give_up_after_s=1).commit("activate_plan", step="select_plan", payload={})

    assert 2 <= len(gateway.seen) <= 6


def test_superseding_is_the_runs_choice(gateway: ScriptedGateway, client: Client) -> None:
    """A run made with `supersede` asks for the next generation of decisions and commits alike."""
    gateway.says(
        decided("STOPPED", stop="LOST"),
        decided("DECIDED", option="team_pro", decision_id="d-2"),
        committed("FAILED", because("HOST_NOT_REACHED", "AFTER")),
        committed("SUCCEEDED", commit_id="c-2"),
    )
    run = client.run(workflow="subscribe", run_id="r-1", supersede=True)

    decision = run.decide("select_plan", context={})
    commit = run.commit("activate_plan", step="select_plan", decision=decision, payload={})

    assert (decision.decision_id, commit.commit_id) == ("d-2", "c-2")
    assert [getattr(request, "supersedes", None) for request in [*gateway.sent("Decide"), *gateway.sent("Commit")]] == ["", "d-1", "", "c-1"]


@pytest.mark.parametrize(
    ("reply", "end"),
    [
        (committed("SUCCEEDED"), ("FINAL_RESULT", "")),
        (committed("DENIED", because("POLICY_DENIED", "WHEN_CHANGED")), ("FAILED", "DENIED")),
        (committed("FAILED", because("HOST_REFUSED", "NEVER")), ("FAILED", "FAILED")),
        (committed("UNKNOWN"), None),
        (decided("DECIDED", option="team_pro"), ("FINAL_RESULT", "")),
        (decided("ABSTAINED", stop="ABSTAINED"), ("FAILED", "no decision: ABSTAINED")),
        (decided("IN_PROGRESS"), None),
    ],
    ids=["succeeded", "denied", "failed", "unknown", "decided", "abstained", "thinking"],
)
def test_a_run_concludes_as_its_last_answer_says(gateway: ScriptedGateway, client: Client, reply: Reply, end: tuple[str, str] | None) -> None:
    """Ended where that is known, with the stop that stands; else nothing is sent and the run stays open."""
    gateway.says(reply, finished("TIMEOUT"))
    last = client.commit(**WRITE) if isinstance(reply, gateway_pb2.CommitResponse) else client.decide(**QUESTION)

    stop = client.run(workflow="subscribe", run_id="r-1").conclude(last)

    finishes = gateway.sent("FinishRun")
    assert stop is (RunStop.TIMEOUT if end else None)
    assert [(one.stop, one.note) for one in finishes if isinstance(one, gateway_pb2.FinishRunRequest)] == (
        [(types_pb2.RunStop.Value(f"RUN_STOP_{end[0]}"), end[1])] if end else []
    )


def test_an_option_that_was_not_offered_is_no_decision(gateway: ScriptedGateway, client: Client) -> None:
    """Whatever answered, it was no sound gateway: the run ends, and nothing is done with it."""
    gateway.says(decided("DECIDED", option="platinum"), finished("FAILED"))

    with pytest.raises(NotOffered, match="select_plan names 'platinum'"), client.run(workflow="subscribe", run_id="r-1") as run:
        run.decide("select_plan", context={}, options=["team_pro"])

    assert gateway.methods == ["Decide", "FinishRun"]


def test_a_trace_is_at_hand(gateway: ScriptedGateway, client: Client) -> None:
    """`trace` asks for this run of this workflow."""
    gateway.says(gateway_pb2.GetRunResponse(run=types_pb2.Run(run_id="r-1", workflow="subscribe")))

    trace = client.run(workflow="subscribe", run_id="r-1").trace()

    assert trace.run.run_id == "r-1"
    assert gateway.sent("GetRun") == [gateway_pb2.GetRunRequest(run_id="r-1", workflow="subscribe", page_size=50)]
