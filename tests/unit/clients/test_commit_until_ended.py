"""The loop around one governed write: what it sends, with which key, and when it stops."""

from datetime import timedelta

import grpc
import pytest

from countersign import Client, Outcome, Reason, Refused, Unclear
from countersign.encoding import Write
from countersign.v1.gateway_pb2 import CommitRequest, WaitCommitRequest
from tests.unit.clients.conftest import StillClock
from tests.unit.clients.scripted import Fail, Reply, ScriptedGateway, because, committed, refusal, waited

WRITE: Write = {
    "key": "r-1/select_plan/activate_plan",
    "run_id": "r-1",
    "workflow": "activate_subscription",
    "step": "select_plan",
    "action": "activate_plan",
    "decision": "d-1",
    "payload": {"plan": "team_pro", "name": "Ünal & Söhne"},
}
SENT = CommitRequest(
    idempotency_key="r-1/select_plan/activate_plan",
    run_id="r-1",
    workflow="activate_subscription",
    step="select_plan",
    action="activate_plan",
    decision_id="d-1",
    payload='{"plan":"team_pro","name":"Ünal & Söhne"}'.encode(),
)
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
NOT_REACHED = because("HOST_NOT_REACHED", "AFTER", after_s=2)


def superseding(commit_id: str) -> CommitRequest:
    request = CommitRequest()
    request.CopyFrom(SENT)
    request.supersedes = commit_id
    return request


def test_success_is_one_request(gateway: ScriptedGateway, client: Client, clock: StillClock) -> None:
    """A write that succeeds at once is sent once, with the payload as compact UTF-8 JSON."""
    gateway.says(committed("SUCCEEDED"))

    commit = client.commit_until_ended(**WRITE, give_up_after_s=60)

    assert commit.outcome is Outcome.SUCCEEDED
    assert [one.request for one in gateway.seen] == [SENT]
    assert clock.rests_s == []


@pytest.mark.parametrize("first", ["IN_PROGRESS", "UNKNOWN", "AWAITING_APPROVAL", "UNSPECIFIED"])
def test_what_may_have_happened_is_only_waited_for(gateway: ScriptedGateway, client: Client, first: str) -> None:
    """IN_PROGRESS, UNKNOWN and outcomes this client does not know are waited for by commit id, never sent again."""
    gateway.says(committed(first, replayed=True), waited(first), waited("SUCCEEDED"))

    commit = client.commit_until_ended(**WRITE, give_up_after_s=60, supersede=True)

    assert (commit.outcome, commit.replayed) == (Outcome.SUCCEEDED, True)
    assert [one.request for one in gateway.seen] == [SENT, WaitCommitRequest(commit_id="c-1"), WaitCommitRequest(commit_id="c-1")]


def test_unknown_to_the_end_is_returned(gateway: ScriptedGateway, client: Client, clock: StillClock) -> None:
    """When patience ends the answer is what is known, UNKNOWN, after one send and waits that grow apart."""
    gateway.says(committed("UNKNOWN"), *[waited("UNKNOWN")] * 30)

    commit = client.commit_until_ended(**WRITE, give_up_after_s=10)

    assert (commit.outcome, commit.ended) == (Outcome.UNKNOWN, False)
    assert gateway.methods.count("Commit") == 1
    assert clock.rests_s == sorted(clock.rests_s)
    assert 5 < clock.now_s() <= 10


def test_waiting_that_gets_no_answer_returns_what_is_known(gateway: ScriptedGateway, client: Client) -> None:
    """A gateway that goes away while an UNKNOWN is waited for changes nothing about what is known."""
    gateway.says(committed("UNKNOWN"), *[Fail(UNAVAILABLE)] * 30)

    commit = client.commit_until_ended(**WRITE, give_up_after_s=5)

    assert commit.outcome is Outcome.UNKNOWN
    assert gateway.methods.count("Commit") == 1


@pytest.mark.parametrize("fault", [UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_no_answer_means_the_same_request_again(gateway: ScriptedGateway, client: Client, fault: grpc.StatusCode) -> None:
    """An error without our stamp means nothing, so the very same request goes out again."""
    gateway.says(Fail(fault), Fail(fault), committed("SUCCEEDED", replayed=True))

    commit = client.commit_until_ended(**WRITE, give_up_after_s=60)

    assert (commit.outcome, commit.replayed) == (Outcome.SUCCEEDED, True)
    assert [one.request for one in gateway.seen] == [SENT, SENT, SENT]


@pytest.mark.parametrize(("code", "reason"), [(UNAVAILABLE, "STORE_UNAVAILABLE"), (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")])
def test_a_passing_refusal_is_asked_again_not_before_the_advice(
    gateway: ScriptedGateway, client: Client, clock: StillClock, code: grpc.StatusCode, reason: str
) -> None:
    """A refusal that can pass: the same request again, never sooner than `retry_after`."""
    gateway.says(refusal(code, reason, after_s=3), committed("SUCCEEDED"))

    commit = client.commit_until_ended(**WRITE, give_up_after_s=60)

    assert commit.succeeded
    assert [one.request for one in gateway.seen] == [SENT, SENT]
    assert len(clock.rests_s) == 1
    assert 3 < clock.rests_s[0] < 3.2


def test_a_refusal_that_cannot_pass_is_raised_at_once(gateway: ScriptedGateway, client: Client, clock: StillClock) -> None:
    """MALFORMED stays MALFORMED: one request, no rest, the violations at hand."""
    gateway.says(refusal(grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED", violations=[("payload", "duplicate key")]))

    with pytest.raises(Refused) as refused:
        client.commit_until_ended(**WRITE, give_up_after_s=60)

    assert refused.value.reason is Reason.MALFORMED
    assert [(one.field, one.description) for one in refused.value.violations] == [("payload", "duplicate key")]
    assert (len(gateway.seen), clock.rests_s) == (1, [])


def test_advice_beyond_the_end_ends_at_once(gateway: ScriptedGateway, client: Client, clock: StillClock) -> None:
    """There is no use in resting for an answer that would come too late."""
    gateway.says(refusal(UNAVAILABLE, "NOT_READY", after_s=61))

    with pytest.raises(Refused) as refused:
        client.commit_until_ended(**WRITE, give_up_after_s=60)

    assert refused.value.retry_after == timedelta(seconds=61)
    assert clock.rests_s == []


def test_a_refusal_after_a_send_without_answer_is_unclear(gateway: ScriptedGateway, client: Client) -> None:
    """The refusal is about the last request only; what became of the one before it nobody said."""
    gateway.says(Fail(UNAVAILABLE), refusal(grpc.StatusCode.UNAUTHENTICATED, "NOT_AUTHENTICATED"))

    with pytest.raises(Unclear) as unclear:
        client.commit_until_ended(**WRITE, give_up_after_s=60)

    assert isinstance(unclear.value.__cause__, Refused)
    assert unclear.value.__cause__.reason is Reason.NOT_AUTHENTICATED


def test_sends_are_bounded(gateway: ScriptedGateway, client: Client) -> None:
    """No more than `sends_max` requests leave, however long the patience."""
    gateway.says(*[Fail(UNAVAILABLE)] * 9)

    with pytest.raises(Unclear):
        client.commit_until_ended(**WRITE, give_up_after_s=10_000, sends_max=4)

    assert gateway.methods == ["Commit"] * 4


def test_who_is_no_gateway_is_not_asked_again(gateway: ScriptedGateway, client: Client) -> None:
    """UNIMPLEMENTED without our stamp comes from something else at that address."""
    gateway.says(Fail(grpc.StatusCode.UNIMPLEMENTED))

    with pytest.raises(Unclear):
        client.commit_until_ended(**WRITE, give_up_after_s=60)

    assert gateway.methods == ["Commit"]


@pytest.mark.parametrize(
    "ended",
    [
        committed("DENIED", because("RUN_STOPPED", "NEVER")),
        committed("DENIED", because("HALTED", "WHEN_CHANGED")),
        committed("DENIED", because("BUDGET_EXHAUSTED", "AFTER", after_s=1), because("POLICY_DENIED", "WHEN_CHANGED")),
        committed("FAILED", because("HOST_REFUSED", "NEVER")),
        committed("FAILED", because("HOST_REFUSED", "UNSPECIFIED")),
        committed("FAILED"),
    ],
)
def test_a_definite_no_is_never_superseded_by_itself(gateway: ScriptedGateway, client: Client, ended: Reply) -> None:
    """Where any reason says NEVER or WHEN_CHANGED, or none says AFTER, the answer is the end even when superseding is wanted."""
    gateway.says(ended)

    commit = client.commit_until_ended(**WRITE, give_up_after_s=60, supersede=True)

    assert commit.ended
    assert gateway.methods == ["Commit"]


def test_superseding_is_opted_in(gateway: ScriptedGateway, client: Client) -> None:
    """Without `supersede` a FAILED that could pass is still the answer."""
    gateway.says(committed("FAILED", NOT_REACHED))

    commit = client.commit_until_ended(**WRITE, give_up_after_s=60)

    assert commit.outcome is Outcome.FAILED
    assert gateway.methods == ["Commit"]


def test_superseding_keeps_the_key_and_names_the_generation(gateway: ScriptedGateway, client: Client, clock: StillClock) -> None:
    """Each new generation has the same key and content, names the one before, and waits as advised; a lost one is sent again as it was."""
    gateway.says(
        committed("FAILED", NOT_REACHED, commit_id="c-1"),
        committed("DENIED", because("BUDGET_EXHAUSTED", "AFTER", after_s=30), commit_id="c-2"),
        Fail(UNAVAILABLE),
        committed("IN_PROGRESS", commit_id="c-3"),
        waited("SUCCEEDED", commit_id="c-3"),
    )

    commit = client.commit_until_ended(**WRITE, give_up_after_s=120, supersede=True)

    assert (commit.commit_id, commit.outcome) == ("c-3", Outcome.SUCCEEDED)
    assert [one.request for one in gateway.seen] == [
        SENT,
        superseding("c-1"),
        superseding("c-2"),
        superseding("c-2"),
        WaitCommitRequest(commit_id="c-3"),
    ]
    assert clock.rests_s[0] > 2
    assert clock.rests_s[1] > 30


def test_a_superseding_send_without_answer_does_not_return_the_old_failure(gateway: ScriptedGateway, client: Client) -> None:
    """FAILED is about the generation before; the new one may have been written."""
    gateway.says(committed("FAILED", NOT_REACHED), *[Fail(UNAVAILABLE)] * 30)

    with pytest.raises(Unclear):
        client.commit_until_ended(**WRITE, give_up_after_s=20, supersede=True)


def test_each_question_has_no_more_time_than_is_left(gateway: ScriptedGateway, client: Client) -> None:
    """The deadline on the wire is the client's, or what patience leaves where that is less."""
    gateway.says(refusal(UNAVAILABLE, "NOT_READY", after_s=4), committed("SUCCEEDED"))

    client.commit_until_ended(**WRITE, give_up_after_s=6)

    assert [round(one.time_left_s) for one in gateway.seen] == [6, 2]
