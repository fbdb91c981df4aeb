"""Forward: what the host is handed, and what each thing that was seen becomes."""

from dataclasses import replace

import pytest

from gateway.domain.faults import HostFault
from gateway.domain.handoffs import Answered
from gateway.domain.host_answer import HostClass, HttpReply, NotSent, NotSentWhy, Observation, Silent
from gateway.domain.lifecycle import Event
from gateway.domain.reasons import Reason
from gateway.domain.targets import HostMode, TargetTerms
from gateway.ports.host import Delivery
from gateway.stages.forward import downstream_key, forward, read_observation
from tests.fakes.clock import FakeClock
from tests.fakes.commands import NOW_MS
from tests.fakes.host import FakeHost
from tests.fakes.rows import commit_row

TERMS = TargetTerms(
    name="billing", mode=HostMode.DEDUPE, retention_ms=86_400_000, enforces_not_after=False, trusts_status_codes=False, replays_refusals=False,
    overrides={}, wire_ms_max=3_000, send_margin_ms=2_000,
)  # fmt: skip
ROW = replace(commit_row(), traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01")


class BrokenHost(FakeHost):
    """Cannot even observe."""

    async def apply(self, delivery: Delivery) -> Observation:
        raise HostFault("no file descriptor left")


async def send(host: FakeHost, *, attempt_id: str = "a-1", not_after_ms: int = NOW_MS + 3_000, send_by_s: float = 1_003.0) -> Answered:
    return await forward(ROW, attempt_id=attempt_id, not_after_ms=not_after_ms, payload=b'{"a": 1}', send_by_s=send_by_s, host=host, target=TERMS)


async def test_the_host_gets_the_approved_bytes_and_nothing_of_the_callers_but_the_trace() -> None:
    """Method, path and payload as T1 recorded them, the downstream key, both limits of time."""
    host = FakeHost(FakeClock())

    await send(host)

    assert host.deliveries == [Delivery(
        target="billing", action="top_up", method="PUT", path="/accounts/team-12/credits/7", payload=b'{"a": 1}', key="cs-c-1",
        not_after_ms=NOW_MS + 3_000, send_by_s=1_003.0, traceparent=ROW.traceparent,
    )]  # fmt: skip


async def test_a_success_brings_status_and_body() -> None:
    """And no reason."""
    answered = await send(FakeHost(FakeClock()))

    assert (answered.event, answered.notes, answered.host_status, answered.response) == (Event.HOST_DID, (), 201, b'{"ok":true}')


async def test_a_host_that_cannot_observe_has_sent_nothing() -> None:
    """A HostFault is raised only before a byte can have left."""
    answered = await send(BrokenHost(FakeClock()))

    assert answered.event is Event.HOST_DID_NOT
    assert [(note.reason, note.detail) for note in answered.notes] == [(Reason.HOST_NOT_REACHED, "no file descriptor left")]


@pytest.mark.parametrize(("not_after_ms", "send_by_s"), [(NOW_MS - 1, 1_003.0), (NOW_MS + 3_000, 999.0)])
async def test_a_write_whose_time_has_passed_is_definitely_not_sent(not_after_ms: int, send_by_s: float) -> None:
    """By either clock."""
    host = FakeHost(FakeClock())

    answered = await send(host, not_after_ms=not_after_ms, send_by_s=send_by_s)

    assert (answered.event, answered.notes[0].reason, host.deliveries) == (Event.HOST_DID_NOT, Reason.NOT_SENT_IN_TIME, [])


@pytest.mark.parametrize(
    ("observation", "event", "reason", "status"),
    [
        (HttpReply(status=422, body=b"no", body_truncated=False, content_type=""), Event.HOST_DID_NOT, Reason.HOST_REFUSED, 422),
        (HttpReply(status=409, body=b"", body_truncated=False, content_type=""), Event.NOBODY_KNOWS, Reason.HOST_AMBIGUOUS, 409),
        (HttpReply(status=503, body=b"", body_truncated=False, content_type=""), Event.NOBODY_KNOWS, Reason.HOST_AMBIGUOUS, 503),
        (Silent("reset"), Event.NOBODY_KNOWS, Reason.HOST_SILENT, 0),
        (NotSent(NotSentWhy.NOT_REACHED, "refused"), Event.HOST_DID_NOT, Reason.HOST_NOT_REACHED, 0),
    ],
)
def test_what_was_seen_of_a_first_attempt(observation: Observation, event: Event, reason: Reason, status: int) -> None:
    """By the table of the domain, nowhere else."""
    answered = read_observation(ROW, "a-1", observation, TERMS)

    assert (answered.event, answered.notes[0].reason, answered.host_status) == (event, reason, status)


@pytest.mark.parametrize(
    "observation",
    [
        HttpReply(status=422, body=b"no", body_truncated=False, content_type=""),
        NotSent(NotSentWhy.NOT_REACHED, "refused"),
        NotSent(NotSentWhy.TOO_LATE, "late"),
        Silent("reset"),
    ],
)
def test_no_answer_to_a_resend_proves_that_nothing_was_written(observation: Observation) -> None:
    """A no to attempt two says nothing about attempt one."""
    assert read_observation(ROW, "a-2", observation, TERMS).event is Event.NOBODY_KNOWS


@pytest.mark.parametrize(
    ("attempt_id", "observation", "event", "for_every_attempt"),
    [
        ("a-1", HttpReply(status=422, body=b"no", body_truncated=False, content_type=""), Event.HOST_DID_NOT, True),
        ("a-2", HttpReply(status=422, body=b"no", body_truncated=False, content_type=""), Event.HOST_DID_NOT, True),
        ("a-2", HttpReply(status=409, body=b"", body_truncated=False, content_type=""), Event.NOBODY_KNOWS, True),
        ("a-1", NotSent(NotSentWhy.TOO_LATE, "late"), Event.HOST_DID_NOT, False),
        ("a-2", NotSent(NotSentWhy.NOT_REACHED, "refused"), Event.NOBODY_KNOWS, False),
    ],
)
def test_a_host_that_replays_refusals_answers_for_every_attempt(
    attempt_id: str, observation: Observation, event: Event, for_every_attempt: bool  # noqa: FBT001 - a case
) -> None:  # fmt: skip
    """Where it answered: not having sent one attempt says nothing about the other, whatever the target declares."""
    answered = read_observation(ROW, attempt_id, observation, replace(TERMS, replays_refusals=True))

    assert (answered.event, answered.for_every_attempt) == (event, for_every_attempt)
    assert read_observation(ROW, attempt_id, observation, TERMS).for_every_attempt is False


def test_a_success_of_a_resend_is_a_success() -> None:
    """The host dedupes: it answers for the key."""
    observation = HttpReply(status=200, body=b"{}", body_truncated=False, content_type="")

    assert read_observation(ROW, "a-2", observation, TERMS).event is Event.HOST_DID


def test_a_target_may_override_a_row_by_status() -> None:
    """By its declaration, never by the text of an answer."""
    believes = replace(TERMS, overrides={409: HostClass.FAILED})
    observation = HttpReply(status=409, body=b"", body_truncated=False, content_type="")

    assert read_observation(ROW, "a-1", observation, believes).event is Event.HOST_DID_NOT


def test_a_lost_body_only_marks_the_response() -> None:
    """The complete header has said it all."""
    answered = read_observation(ROW, "a-1", HttpReply(status=200, body=b"half", body_truncated=True, content_type=""), TERMS)

    assert (answered.event, answered.response, answered.response_truncated) == (Event.HOST_DID, b"half", True)


def test_what_a_person_is_told_of_a_silence_is_bounded() -> None:
    """The detail is the library's, of any length."""
    assert len(read_observation(ROW, "a-1", Silent("x" * 10_000), TERMS).notes[0].detail) == 200


def test_every_attempt_of_a_commit_has_the_same_downstream_key() -> None:
    """R7."""
    assert downstream_key("c-1") == "cs-c-1"
