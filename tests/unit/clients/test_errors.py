"""Only our stamp makes a refusal; everything else means nothing."""

from datetime import timedelta

import grpc
import pytest
from google.rpc import error_details_pb2

from countersign import Client, Reason, Refused, Unclear
from tests.unit.clients.scripted import Fail, ScriptedGateway, refusal
from tests.unit.clients.test_commit_until_ended import WRITE


def test_a_refusal_carries_what_the_gateway_said(gateway: ScriptedGateway, client: Client) -> None:
    """Reason, status, fields, advice and facts come from the details, not from the text."""
    gateway.says(refusal(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", after_s=0.25, violations=[("step", "not declared")]))

    with pytest.raises(Refused) as raised:
        client.commit(**WRITE)

    refused = raised.value
    assert (refused.reason, refused.code, refused.status, refused.passing) == (Reason.STORE_UNAVAILABLE, "STORE_UNAVAILABLE", "UNAVAILABLE", True)
    assert refused.retry_after == timedelta(seconds=0.25)
    assert [(one.field, one.description) for one in refused.violations] == [("step", "not declared")]
    assert refused.facts == {"seen": "x"}
    assert "STORE_UNAVAILABLE (UNAVAILABLE)" in str(refused)


def test_a_reason_from_a_newer_gateway_is_kept_by_name(gateway: ScriptedGateway, client: Client) -> None:
    """An unknown reason is UNSPECIFIED to branch on, and itself in `code`."""
    gateway.says(refusal(grpc.StatusCode.FAILED_PRECONDITION, "MOON_IS_FULL"))

    with pytest.raises(Refused) as raised:
        client.commit(**WRITE)

    assert (raised.value.reason, raised.value.code, raised.value.passing) == (Reason.UNSPECIFIED, "MOON_IS_FULL", False)


@pytest.mark.parametrize(
    "fail",
    [
        Fail(grpc.StatusCode.UNAVAILABLE, message="STORE_UNAVAILABLE countersign.dev"),
        refusal(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", domain="mesh.example"),
        Fail(grpc.StatusCode.UNAVAILABLE, (error_details_pb2.RetryInfo(),)),
        Fail(grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
    ids=["text only", "another's stamp", "details without a stamp", "deadline"],
)
def test_an_error_without_our_stamp_is_unclear(gateway: ScriptedGateway, client: Client, fail: Fail) -> None:
    """Whoever says UNAVAILABLE without our ErrorInfo says nothing about the write."""
    gateway.says(fail)

    with pytest.raises(Unclear) as raised:
        client.commit(**WRITE)

    assert raised.value.status == fail.code.name
    assert "ask by key" in str(raised.value)


def test_details_that_do_not_parse_are_no_stamp(gateway: ScriptedGateway, client: Client) -> None:
    """Broken details make an error Unclear, not a crash of the caller."""
    broken = refusal(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
    gateway.says(broken)
    gateway.mangles_details = True

    with pytest.raises(Unclear) as raised:
        client.commit(**WRITE)

    assert "unreadable error details" in str(raised.value)
