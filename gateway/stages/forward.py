"""Forward: the one effect. The host sends at most once; silence is an answer; no transaction is open.

1. Taking `Authorised` is the proof that T1 is durable.
2. What was seen is classified by the table, here and nowhere else; anything not listed is unknown.
"""

from gateway.domain.faults import HostFault
from gateway.domain.handoffs import Answered
from gateway.domain.host_answer import Classified, GrpcReply, HostClass, HttpReply, NotSent, NotSentWhy, Observation, Silent, classify
from gateway.domain.lifecycle import Event
from gateway.domain.records import CommitRow, Note
from gateway.domain.targets import TargetTerms
from gateway.ports.host import Delivery, Host

_EVENT = {HostClass.SUCCEEDED: Event.HOST_DID, HostClass.FAILED: Event.HOST_DID_NOT, HostClass.UNKNOWN: Event.NOBODY_KNOWS}


async def forward(row: CommitRow, *, attempt_id: str, not_after_ms: int, payload: bytes, send_by_s: float, host: Host, target: TargetTerms) -> Answered:
    """Sends one attempt. `send_by_s` is on the boot-time clock, taken before the attempt was made durable."""
    delivery = Delivery(
        target=row.target, action=row.action, method=row.method, path=row.path, payload=payload, key=downstream_key(row.commit_id),
        not_after_ms=not_after_ms, send_by_s=send_by_s, traceparent=row.traceparent,
    )  # fmt: skip
    observation: Observation
    try:
        observation = await host.apply(delivery)
    except HostFault as fault:  # raised only before a byte can have left
        observation = NotSent(NotSentWhy.NOT_REACHED, fault.detail)
    return read_observation(row, attempt_id, observation, target)


def downstream_key(commit_id: str) -> str:
    """The same for every attempt of a commit (R7)."""
    return f"cs-{commit_id}"


def read_observation(row: CommitRow, attempt_id: str, observation: Observation, target: TargetTerms) -> Answered:
    found = classify(
        observation, resend=attempt_id != row.attempt_id, overrides=target.overrides, replays_refusals=target.replays_refusals,
        trusts_status_codes=target.trusts_status_codes,
    )  # fmt: skip
    said = observation if isinstance(observation, HttpReply | GrpcReply) else None
    return Answered(
        row=row, attempt_id=attempt_id, event=_EVENT[found.host_class], for_every_attempt=said is not None and target.replays_refusals,
        notes=_notes(found, observation), host_status=found.status, response=said.body if said else b"",
        response_truncated=said is not None and said.body_truncated,
    )  # fmt: skip


def _notes(found: Classified, observation: Observation) -> tuple[Note, ...]:
    if found.reason is None:
        return ()
    facts = {"status": str(found.status)} if found.status else {}
    detail = observation.detail[:200] if isinstance(observation, NotSent | Silent) else ""
    return (Note(reason=found.reason, facts=facts, detail=detail),)
