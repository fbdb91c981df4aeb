"""The loop around one decision: the same key to the end, a new generation only on demand and for a passing cause."""

import grpc
import pytest

from countersign import Client, DecideLimits, DecideStop, DecisionStatus, Reason, Refused
from countersign.encoding import Question
from countersign.v1.gateway_pb2 import DecideRequest
from countersign.v1.types_pb2 import DecideLimits as WireLimits
from tests.unit.clients.conftest import StillClock
from tests.unit.clients.scripted import Fail, ScriptedGateway, decided, refusal, span

QUESTION: Question = {
    "key": "r-1/select_plan",
    "run_id": "r-1",
    "workflow": "activate_subscription",
    "step": "select_plan",
    "context": {"seats": 12},
    "options": ["team_pro", "enterprise"],
    "limits": DecideLimits(tokens_max=900, wall_ms_max=1500),
}
SENT = DecideRequest(
    idempotency_key="r-1/select_plan",
    run_id="r-1",
    workflow="activate_subscription",
    step="select_plan",
    context=b'{"seats":12}',
    allowed_options=["team_pro", "enterprise"],
    limits=WireLimits(tokens_max=900, wall_max=span(1.5)),
)


def superseding(decision_id: str) -> DecideRequest:
    request = DecideRequest()
    request.CopyFrom(SENT)
    request.supersedes = decision_id
    return request


def test_a_decision_is_one_request(gateway: ScriptedGateway, client: Client) -> None:
    """A decision that comes at once is asked for once."""
    gateway.says(decided("DECIDED", stop="FINAL_RESULT", option="team_pro"))

    decision = client.decide_until_ended(**QUESTION, give_up_after_s=60)

    assert (decision.option, decision.decided, decision.stop) == ("team_pro", True, DecideStop.FINAL_RESULT)
    assert [one.request for one in gateway.seen] == [SENT]


@pytest.mark.parametrize("status", ["IN_PROGRESS", "UNSPECIFIED"])
def test_thinking_is_asked_after_with_the_same_key(gateway: ScriptedGateway, client: Client, status: str) -> None:
    """While thinking goes on, the same request asks again; it costs none of the sends."""
    gateway.says(*[decided(status)] * 4, decided("DECIDED", option="team_pro", replayed=True))

    decision = client.decide_until_ended(**QUESTION, give_up_after_s=60, sends_max=1)

    assert (decision.option, decision.replayed) == ("team_pro", True)
    assert [one.request for one in gateway.seen] == [SENT] * 5


def test_thinking_to_the_end_is_returned(gateway: ScriptedGateway, client: Client) -> None:
    """When patience ends first, the answer is IN_PROGRESS and carries no option."""
    gateway.says(*[decided("IN_PROGRESS", option="team_pro")] * 30)

    decision = client.decide_until_ended(**QUESTION, give_up_after_s=5)

    assert (decision.status, decision.option, decision.ended) == (DecisionStatus.IN_PROGRESS, None, False)


@pytest.mark.parametrize("stop", ["TIMEOUT", "MODEL_FAULT", "LOST", "CANCELLED"])
def test_a_passing_stop_is_superseded_on_demand(gateway: ScriptedGateway, client: Client, stop: str) -> None:
    """Opted in, a decision that stopped for a passing cause is asked for anew: same key, same content, naming the one before."""
    gateway.says(decided("STOPPED", stop=stop), decided("IN_PROGRESS", decision_id="d-2"), decided("DECIDED", option="team_pro", decision_id="d-2"))

    decision = client.decide_until_ended(**QUESTION, give_up_after_s=60, supersede=True)

    assert (decision.decision_id, decision.option) == ("d-2", "team_pro")
    assert [one.request for one in gateway.seen] == [SENT, superseding("d-1"), superseding("d-1")]


def test_superseding_a_decision_is_opted_in(gateway: ScriptedGateway, client: Client) -> None:
    """Without `supersede` a TIMEOUT is the answer."""
    gateway.says(decided("STOPPED", stop="TIMEOUT"))

    decision = client.decide_until_ended(**QUESTION, give_up_after_s=60)

    assert (decision.status, decision.stop) == (DecisionStatus.STOPPED, DecideStop.TIMEOUT)
    assert len(gateway.seen) == 1


@pytest.mark.parametrize("stop", ["MAX_STEPS", "BUDGET_LIMIT", "POLICY_DENIAL", "INVALID_OPTION", "HALTED", "UNSPECIFIED"])
def test_another_stop_is_the_end(gateway: ScriptedGateway, client: Client, stop: str) -> None:
    """Limits, denials, halts and disobedient models do not pass by asking again."""
    gateway.says(decided("STOPPED", stop=stop))

    decision = client.decide_until_ended(**QUESTION, give_up_after_s=60, supersede=True)

    assert decision.status is DecisionStatus.STOPPED
    assert len(gateway.seen) == 1


def test_an_abstention_is_the_end(gateway: ScriptedGateway, client: Client) -> None:
    """An agent that cannot tell is not pressed."""
    gateway.says(decided("ABSTAINED", stop="ABSTAINED"))

    decision = client.decide_until_ended(**QUESTION, give_up_after_s=60, supersede=True)

    assert (decision.status, decision.option) == (DecisionStatus.ABSTAINED, None)
    assert len(gateway.seen) == 1


def test_no_answer_and_passing_refusals_mean_the_same_request_again(gateway: ScriptedGateway, client: Client, clock: StillClock) -> None:
    """As for a commit: the same bytes again, not before the advice."""
    busy = refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", after_s=1)
    gateway.says(Fail(grpc.StatusCode.UNAVAILABLE), busy, decided("DECIDED", option="team_pro"))

    decision = client.decide_until_ended(**QUESTION, give_up_after_s=60)

    assert decision.decided
    assert [one.request for one in gateway.seen] == [SENT] * 3
    assert clock.rests_s[1] > 1


def test_an_undeclared_step_is_refused_at_once(gateway: ScriptedGateway, client: Client) -> None:
    """A refusal that cannot pass is raised, with its reason."""
    gateway.says(refusal(grpc.StatusCode.INVALID_ARGUMENT, "UNDECLARED"))

    with pytest.raises(Refused) as refused:
        client.decide_until_ended(**QUESTION, give_up_after_s=60)

    assert refused.value.reason is Reason.UNDECLARED
    assert len(gateway.seen) == 1
