"""Bad requests to a real gateway: a precise refusal each, nothing forwarded, nothing kept against the key. The model is down all along."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from countersign import Client, Reason, Refused
from countersign.v1 import gateway_pb2
from examples.subscription.theatre import Theatre
from tests.e2e.scenes import WORKFLOW

COMMIT: dict[str, Any] = {
    "key": "bad", "run_id": "bad-1", "workflow": WORKFLOW, "step": "select_plan", "action": "activate_plan", "decision": "none-such",
    "payload": b'{"account":"harbour","plan":"team_pro","seats":12,"amount_micros":99000000,"currency":"USD"}',
}  # fmt: skip
DECIDE: dict[str, Any] = {
    "key": "bad",
    "run_id": "bad-1",
    "workflow": WORKFLOW,
    "step": "select_plan",
    "context": {"account": "harbour", "plan": "team_basic", "team_size": 12},
}


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    """A gateway and billing, and no model anywhere."""
    with tempfile.TemporaryDirectory(prefix="cs-e2e-") as folder, Theatre(Path(folder)) as made:
        made.start_billing()
        made.start_gateway()
        yield made


@pytest.fixture
def client(theatre: Theatre) -> Iterator[Client]:
    with theatre.client() as made:
        yield made


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        pytest.param({"workflow": "activate_subscriptions"}, Reason.UNDECLARED, "activate_subscription", id="unknown workflow"),
        pytest.param({"step": "select_plans"}, Reason.UNDECLARED, "select_plan", id="unknown step"),
        pytest.param({"action": "activate_plans"}, Reason.UNDECLARED, "activate_plan", id="unknown action"),
        pytest.param({"decision": None}, Reason.DECISION_REQUIRED, "select_plan", id="no decision"),
        pytest.param({"payload": b'{"account":"a","account":"b"}'}, Reason.MALFORMED, "duplicate key", id="duplicate key"),
        pytest.param({"payload": b'{"account":"a","Account":"b"}'}, Reason.MALFORMED, "duplicate key", id="keys that a host may fold"),
        pytest.param({"payload": b'{"amount_micros":NaN}'}, Reason.MALFORMED, "NaN", id="not a number"),
        pytest.param({"payload": b"{"}, Reason.MALFORMED, "not JSON", id="not JSON"),
        pytest.param({"payload": b'{"account":"harbour"}'}, Reason.MALFORMED, "payload", id="against its schema"),
        pytest.param({"key": ""}, Reason.MALFORMED, "idempotency_key", id="no key"),
        pytest.param({"key": "k" * 256}, Reason.MALFORMED, "255", id="key of 256 bytes"),
        pytest.param({"key": "k\n"}, Reason.MALFORMED, "control character", id="key with a control character"),
        pytest.param({"supersedes": "none-such"}, Reason.SUPERSEDES_NOT_CURRENT, "never been used", id="superseding nothing"),
    ],
)
def test_a_bad_commit(client: Client, theatre: Theatre, change: dict[str, Any], reason: Reason, said: str) -> None:
    """What was seen, what was expected; the key is as free as before."""
    with pytest.raises(Refused) as refused:
        client.commit(**{**COMMIT, **change})

    assert refused.value.reason is reason
    assert said in str(refused.value)
    with pytest.raises(Refused, match="NOT_FOUND"):
        client.get_commit(key="bad")
    assert theatre.subscriptions("harbour") == []


@pytest.mark.parametrize(
    ("change", "reason", "said"),
    [
        pytest.param({"options": ["platinum"]}, Reason.UNDECLARED, "platinum", id="unknown option"),
        pytest.param({"step": "read_account"}, Reason.UNDECLARED, "deterministic", id="a deterministic step"),
        pytest.param({"context": {"account": "harbour"}}, Reason.MALFORMED, "context", id="context against its schema"),
    ],
)
def test_a_bad_decide(client: Client, change: dict[str, Any], reason: Reason, said: str) -> None:
    """The caller may narrow the options, never widen them."""
    with pytest.raises(Refused) as refused:
        client.decide(**{**DECIDE, **change})

    assert refused.value.reason is reason
    assert said in str(refused.value)


def test_a_model_endpoint_that_is_down(client: Client) -> None:
    """The decision stops with MODEL_FAULT; what was held is given back but for the step."""
    decision = client.decide(**{**DECIDE, "key": "down", "run_id": "down-1"})

    assert (decision.status, decision.stop, decision.option) == ("STOPPED", "MODEL_FAULT", None)
    assert all(one.held == 0 for one in decision.budgets)


def call(theatre: Theatre, method: str, request: bytes, *, deadline_s: float | None) -> tuple[grpc.StatusCode, str]:
    """Status and message of a call that fails, with bytes as they are."""
    with grpc.insecure_channel(theatre.address("acme")) as channel:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/countersign.v1.{method}")
        with pytest.raises(grpc.RpcError) as raised:
            ask(request, timeout=deadline_s)
    return raised.value.code(), raised.value.details() or ""


def test_bytes_that_are_no_message(theatre: Theatre) -> None:
    """Our error, not the library's."""
    code, said = call(theatre, "GatewayService/Commit", b"\xff\xff\xff", deadline_s=5)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "CommitRequest" in said


def test_a_payload_over_the_limit(theatre: Theatre) -> None:
    """What was seen, and the ceiling."""
    request = gateway_pb2.CommitRequest(
        idempotency_key="k", run_id="r", workflow=WORKFLOW, step="select_plan", action="activate_plan", payload=b'"' + b"x" * 300_000 + b'"'
    )
    code, said = call(theatre, "GatewayService/Commit", request.SerializeToString(), deadline_s=5)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert said == "payload: 300002 bytes; expected at most 262144"


def test_a_missing_deadline(theatre: Theatre) -> None:
    """A caller that waits for ever is a caller that leaks."""
    code, said = call(theatre, "GatewayService/Commit", gateway_pb2.CommitRequest(idempotency_key="k").SerializeToString(), deadline_s=None)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "deadline" in said


def test_a_workflow_on_the_operators_method(theatre: Theatre) -> None:
    """The method is not even there on a workflow's socket."""
    code, _ = call(theatre, "OperatorService/Resume", b"", deadline_s=5)

    assert code is grpc.StatusCode.UNIMPLEMENTED
