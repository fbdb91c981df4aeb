"""Refusals and faults as statuses: one for each reason, always small enough to arrive."""

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

from gateway.domain.faults import AgentFault, Fault, PolicyFault, StorageLow, StoreAmbiguous, StoreFault
from gateway.domain.identity import Role
from gateway.domain.reasons import TABLE, Kind, Reason
from gateway.domain.refusal import Refusal, Violation
from gateway.ports.store import Withdrawn
from gateway.transport.status import CODES, of_bug, of_fault, trailers

# Written out from the design, not computed from the code under test.
STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: {Reason.MALFORMED, Reason.UNDECLARED, Reason.DECISION_REQUIRED},
    grpc.StatusCode.UNAUTHENTICATED: {Reason.NOT_AUTHENTICATED},
    grpc.StatusCode.PERMISSION_DENIED: {Reason.NOT_ALLOWED},
    grpc.StatusCode.FAILED_PRECONDITION: {Reason.IDEMPOTENCY_KEY_REUSED, Reason.SUPERSEDES_NOT_CURRENT, Reason.KEY_RETIRED, Reason.REQUEST_EXPIRED},
    grpc.StatusCode.NOT_FOUND: {Reason.NOT_FOUND},
    grpc.StatusCode.RESOURCE_EXHAUSTED: {Reason.OVERLOADED, Reason.TOO_MANY_DENIALS},
    grpc.StatusCode.UNAVAILABLE: {Reason.POLICY_UNAVAILABLE, Reason.STORE_UNAVAILABLE, Reason.STORAGE_LOW, Reason.NOT_READY},
    grpc.StatusCode.UNIMPLEMENTED: {Reason.NOT_BUILT},
    grpc.StatusCode.INTERNAL: {Reason.BUG},
}


def test_every_refusal_has_its_status() -> None:
    """The table of the design, and nothing else is an error."""
    assert {reason: code for code, reasons in STATUS.items() for reason in reasons} == CODES
    assert set(CODES) == {reason for reason, row in TABLE.items() if row.kind is Kind.REFUSAL}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (PolicyFault("no engine"), Reason.POLICY_UNAVAILABLE),
        (StoreFault("disk"), Reason.STORE_UNAVAILABLE),
        (Withdrawn("late"), Reason.STORE_UNAVAILABLE),
        (StoreAmbiguous("lost"), Reason.STORE_UNAVAILABLE),
        (StorageLow("full"), Reason.STORAGE_LOW),
        (AgentFault("broken"), Reason.STORE_UNAVAILABLE),
    ],
)
def test_every_fault_is_unavailable_with_when_to_come_back(fault: Fault, reason: Reason) -> None:
    """It says what was tried, and that the same key is safe."""
    refusal = of_fault(fault, Role.OPERATOR)

    assert (refusal.reason, CODES[refusal.reason], refusal.retry_after_ms) == (reason, grpc.StatusCode.UNAVAILABLE, 1_000)
    assert fault.detail in refusal.message
    assert "same key is safe" in refusal.message


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (StoreFault("connect: Connect call failed ('10.1.2.3', 5432)"), False),
        (StoreAmbiguous("role countersign_gateway"), False),
        (StorageLow("/var/lib"), False),
        (Withdrawn("no room in time"), True),
        (PolicyFault("the policy engine is down"), True),
    ],
)
def test_a_workflow_is_told_our_words_and_not_a_librarys(fault: Fault, *, told: bool) -> None:
    """Where the store is and who we are there is nothing to it."""
    refusal = of_fault(fault, Role.WORKFLOW)

    assert (fault.detail in refusal.message) is told
    assert "same key is safe" in refusal.message


def test_a_bug_says_nothing_of_itself() -> None:
    """Its log does."""
    assert of_bug().reason is Reason.BUG


@pytest.mark.parametrize("text", ["a" * 50_000, "é" * 50_000, "\U0001f600" * 50_000, "%" * 50_000, "\n" * 50_000])
@pytest.mark.parametrize("count", [0, 1, 500])
def test_trailers_are_smaller_than_what_a_library_drops(text: str, count: int) -> None:
    """8 KiB: names, values, the message percent-encoded, the details in base64."""
    refusal = Refusal(
        reason=Reason.MALFORMED, message=text, violations=tuple(Violation(text, text) for _ in range(count)), facts={"tenant": "é" * 64}, retry_after_ms=1
    )

    _, message, metadata = trailers(refusal)

    encoded = sum(1 if " " <= char <= "~" and char != "%" else 3 * len(char.encode()) for char in message)
    rest = sum(len(key) + 32 + (len(value) * 4 // 3 + 4 if isinstance(value, bytes) else len(value)) for key, value in metadata)
    assert encoded + rest + 64 < 8 * 1024


def test_fields_that_do_not_fit_are_counted() -> None:
    """The caller learns that there is more to mend."""
    refusal = Refusal(reason=Reason.MALFORMED, message="m", violations=tuple(Violation(f"field[{place}]", "x" * 150) for place in range(64)))

    _, _, metadata = trailers(refusal)

    packed, bad = metadata[0][1], BadRequest()
    assert isinstance(packed, bytes)
    assert Status.FromString(packed).details[1].Unpack(bad)
    told = [(one.field, one.description) for one in bad.field_violations]
    assert told[0] == ("field[0]", "x" * 150)
    assert told[-1] == ("", f"{64 - (len(told) - 1)} more")
