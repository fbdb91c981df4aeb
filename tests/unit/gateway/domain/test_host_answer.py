"""The table of host answers, asserted whole: every status, every code, every way of not sending, first attempt and re-send."""

from collections.abc import Mapping
from itertools import product
from typing import Final

import pytest

from gateway.domain.host_answer import (
    ANYTHING_ELSE,
    GRPC_NUMBERS,
    ROWS,
    SILENCE,
    Classified,
    GrpcReply,
    HostClass,
    HttpReply,
    NotSent,
    NotSentWhy,
    Observation,
    QueryFinding,
    Resolution,
    Silent,
    classify,
    resolve_by_query,
)
from gateway.domain.reasons import TABLE, Kind, Reason

S, F, U = HostClass.SUCCEEDED, HostClass.FAILED, HostClass.UNKNOWN

# Written out from the design, not computed from the code under test.
DEFINITE_REFUSALS: Final = {400, 401, 403, 404, 405, 406, 410, 411, 412, 413, 414, 415, 422, 423, 428, 429, 431, 451}
SUCCESSES: Final = set(range(200, 300)) - {202}
GRPC_REFUSALS: Final = {"INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE", "UNIMPLEMENTED"}
GRPC_AMBIGUOUS: Final = {
    "RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL", "UNKNOWN", "ABORTED", "ALREADY_EXISTS", "DATA_LOSS",
}  # fmt: skip


def _http(status: int, *, truncated: bool = False) -> HttpReply:
    return HttpReply(status=status, body=b"{}", body_truncated=truncated, content_type="application/json")


def _grpc(code: str) -> GrpcReply:
    return GrpcReply(code=code, body=b"", body_truncated=False)


def _read(
    observation: Observation, *, resend: bool = False, overrides: Mapping[int, HostClass] | None = None, replays: bool = False, trusts: bool = False
) -> Classified:
    return classify(observation, resend=resend, overrides=overrides or {}, replays_refusals=replays, trusts_status_codes=trusts)


def test_every_http_status_on_a_first_attempt() -> None:
    """A success is a 2xx but 202, a refusal is on the list, and everything else is UNKNOWN."""
    statuses = (*range(100, 620), 0, -1, 999)
    expected = {
        status: (S, None, status)
        if status in SUCCESSES
        else (F, Reason.HOST_REFUSED, status)
        if status in DEFINITE_REFUSALS
        else (U, Reason.HOST_AMBIGUOUS, status)
        for status in statuses
    }

    seen = {status: _read(_http(status)) for status in statuses}

    assert expected == {status: (one.host_class, one.reason, one.status) for status, one in seen.items()}


@pytest.mark.parametrize("replays", [False, True])
def test_a_resend_is_refused_only_where_the_host_replays_refusals(replays: bool) -> None:  # noqa: FBT001 - parametrised
    """The second attempt's refusal says nothing about the first, unless the host declares that it replays it."""
    statuses = range(100, 600)
    refused = (F, Reason.HOST_REFUSED) if replays else (U, Reason.HOST_AMBIGUOUS)
    expected = {status: (S, None) if status in SUCCESSES else refused if status in DEFINITE_REFUSALS else (U, Reason.HOST_AMBIGUOUS) for status in statuses}

    seen = {status: _read(_http(status), resend=True, replays=replays) for status in statuses}

    assert expected == {status: (one.host_class, one.reason) for status, one in seen.items()}


@pytest.mark.parametrize("truncated", [False, True])
def test_a_lost_body_changes_nothing(truncated: bool) -> None:  # noqa: FBT001 - parametrised
    """The header alone decides."""
    assert _read(_http(201, truncated=truncated)).host_class is S


@pytest.mark.parametrize("code", [*sorted(GRPC_REFUSALS), *sorted(GRPC_AMBIGUOUS), "OK", "MADE_UP"])
@pytest.mark.parametrize(("trusts", "resend", "replays"), list(product([False, True], repeat=3)))
def test_every_grpc_code(code: str, trusts: bool, resend: bool, replays: bool) -> None:  # noqa: FBT001 - parametrised
    """OK is done; a refusal counts only from a trusted host, and on a re-send only from one that also replays refusals."""
    definite = code in GRPC_REFUSALS and trusts and (replays or not resend)
    expected = (S, None) if code == "OK" else (F, Reason.HOST_REFUSED) if definite else (U, Reason.HOST_AMBIGUOUS)

    seen = _read(_grpc(code), trusts=trusts, resend=resend, replays=replays)

    assert expected == (seen.host_class, seen.reason)


def test_grpc_status_is_the_number_of_the_code() -> None:
    """The numbers are those of the gRPC specification; a code nobody knows is UNKNOWN, 2."""
    numbers = {"OK": 0, "NOT_FOUND": 5, "UNAUTHENTICATED": 16, "MADE_UP": 2}

    assert numbers == {code: _read(_grpc(code)).status for code in numbers}
    assert GRPC_REFUSALS | GRPC_AMBIGUOUS | {"OK"} == set(GRPC_NUMBERS)


@pytest.mark.parametrize("replays", [False, True])
def test_not_sent(replays: bool) -> None:  # noqa: FBT001 - parametrised
    """Not having sent the first attempt is a failure; not having sent a re-send says nothing about the first."""
    reached, late = NotSent(NotSentWhy.NOT_REACHED, ""), NotSent(NotSentWhy.TOO_LATE, "")

    assert Classified(host_class=F, reason=Reason.HOST_NOT_REACHED, status=0) == _read(reached, replays=replays)
    assert Classified(host_class=F, reason=Reason.NOT_SENT_IN_TIME, status=0) == _read(late, replays=replays)
    for why in (reached, late):
        assert Classified(host_class=U, reason=Reason.HOST_SILENT, status=0) == _read(why, resend=True, replays=replays)


@pytest.mark.parametrize("resend", [False, True])
def test_silence_is_unknown(resend: bool) -> None:  # noqa: FBT001 - parametrised
    """A break after the first byte is UNKNOWN on every attempt."""
    assert Classified(host_class=U, reason=Reason.HOST_SILENT, status=0) == _read(Silent("cut"), resend=resend, replays=True, trusts=True)


@pytest.mark.parametrize(
    ("status", "to", "reason"), [(202, S, None), (409, F, Reason.HOST_REFUSED), (404, U, Reason.HOST_AMBIGUOUS), (503, F, Reason.HOST_REFUSED)]
)
def test_a_target_overrides_a_row(status: int, to: HostClass, reason: Reason | None) -> None:
    """Only the overridden status changes."""
    overrides = {status: to}

    seen = _read(_http(status), overrides=overrides)

    assert (to, reason) == (seen.host_class, seen.reason)
    assert _read(_http(200), overrides=overrides).host_class is S
    assert _read(_http(500), overrides=overrides).host_class is U


def test_an_override_to_failed_does_not_reach_a_resend() -> None:
    """An override is a row like any other: a re-send may still only move to SUCCEEDED."""
    overrides = {409: F, 202: S}

    assert _read(_http(409), overrides=overrides, resend=True).host_class is U
    assert _read(_http(409), overrides=overrides, resend=True, replays=True).host_class is F
    assert _read(_http(202), overrides=overrides, resend=True).host_class is S


def test_the_rows_are_disjoint_and_their_reasons_fit() -> None:
    """No observation is in two rows; SUCCEEDED has no reason, FAILED a failure, UNKNOWN an unknown."""
    for column in ("statuses", "codes", "not_sent"):
        seen = [value for row in ROWS for value in getattr(row, column)]
        assert len(seen) == len(set(seen))
    for row in (*ROWS, ANYTHING_ELSE, SILENCE):
        kind = None if row.reason is None else TABLE[row.reason].kind
        assert {S: None, F: Kind.FAILURE, U: Kind.UNKNOWN}[row.host_class] is kind
        assert row.observed
        assert row.why


@pytest.mark.parametrize(("enforces", "passed"), list(product([False, True], repeat=2)))
@pytest.mark.parametrize("finding", QueryFinding)
def test_what_a_finding_settles(finding: QueryFinding, enforces: bool, passed: bool) -> None:  # noqa: FBT001 - parametrised
    """APPLIED is done at once; nothing is "not done" before not_after has passed, and NOT_FOUND only where the host enforces it."""
    expected = Resolution.STILL_UNKNOWN
    if finding == "APPLIED":
        expected = Resolution.DONE
    if (finding == "NOT_APPLIED" and passed) or (finding == "NOT_FOUND" and enforces and passed):
        expected = Resolution.NOT_DONE

    assert expected is resolve_by_query(finding, enforces_not_after=enforces, not_after_passed_with_skew=passed)
