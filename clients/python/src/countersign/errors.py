"""What went wrong with a request; what came of a write is never here, but in `Commit.outcome`.

1. `Refused`: the gateway says so itself (`google.rpc.ErrorInfo` of domain `countersign.dev`): it did not take *this request*; nothing was
   forwarded for it, nothing recorded against its key.
2. `Unclear`: an error without that stamp (a killed gateway, a mesh, the caller's own deadline, an over-size answer). It means nothing:
   the request may have been taken, and the write done. Ask for the commit by key, or send the same request with the same key again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from countersign.answers import ReasonDetail
from countersign.codes import Reason, code_named

DOMAIN: Final = "countersign.dev"
DETAILS_KEY: Final = "grpc-status-details-bin"
AGAIN_STATUSES: Final = frozenset({"UNAVAILABLE", "RESOURCE_EXHAUSTED"})  # of a refusal: the same request can be taken later
PASSING_STATUSES: Final = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNKNOWN", "ABORTED"})  # without our stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldViolation:
    """A field of the request and what is wrong with it."""

    field: str
    description: str


class CountersignError(Exception):
    """Anything this client raises about a request."""


class Refused(CountersignError):
    """The gateway did not take the request: nothing forwarded, nothing recorded against the key."""

    def __init__(
        self,
        *,
        code: str,
        status: str,
        message: str,
        violations: tuple[FieldViolation, ...],
        retry_after: timedelta | None,
        facts: Mapping[str, str],
    ) -> None:
        fields = "; ".join(f"{one.field}: {one.description}" for one in violations)
        super().__init__(f"{code} ({status}): {message}" + (f" [{fields}]" if fields else ""))
        self.reason: Final = code_named(Reason, code)
        self.code: Final = code  # as sent; differs from `reason` only when this client does not know it
        self.status: Final = status  # name of the gRPC status
        self.message: Final = message
        self.violations: Final = violations
        self.retry_after: Final = retry_after
        self.facts: Final = MappingProxyType(dict(facts))

    @property
    def passing(self) -> bool:
        """The same request, with the same key, can be taken later."""
        return self.status in AGAIN_STATUSES


class Unclear(CountersignError):
    """No answer from the gateway: the request may or may not have been taken. Ask by key, or send the same key again."""

    def __init__(self, *, status: str, message: str) -> None:
        super().__init__(f"no answer from the gateway ({status}): {message}; it may have been taken: ask by key, or send the same key again")
        self.status: Final = status
        self.message: Final = message

    @property
    def passing(self) -> bool:
        """Asking again can help; otherwise whoever answered is probably not a gateway."""
        return self.status in PASSING_STATUSES


class StepNotCounted(CountersignError):
    """The run has stopped or is out of steps, so a deterministic step was not recorded."""

    def __init__(self, step: str, reasons: tuple[ReasonDetail, ...]) -> None:
        super().__init__(f"step {step} was not counted: " + "; ".join(f"{one.reason} {one.message}".strip() for one in reasons))
        self.reasons: Final = reasons


class NotOffered(CountersignError):
    """A decision names an option that was not among those the workflow offered: nothing may be done with it."""

    def __init__(self, step: str, option: str) -> None:
        super().__init__(f"the decision of step {step} names {option!r}, which was not among the options")
        self.option: Final = option


def from_rpc(call: grpc.RpcError) -> Refused | Unclear:
    """The error a failed call stands for. Only the stamp decides, never the text, which proxies and retries rewrite."""
    status, message = call.code().name, call.details() or ""
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    try:
        for detail in _details(call):
            for known in (info, bad, retry):
                detail.Unpack(known)  # copies where the type is the same, else does nothing
    except DecodeError:
        return Unclear(status=status, message=f"{message} (unreadable error details)")
    if info.domain != DOMAIN:
        return Unclear(status=status, message=message)
    violations = tuple(FieldViolation(field=one.field, description=one.description) for one in bad.field_violations)
    retry_after = retry.retry_delay.ToTimedelta() if retry.HasField("retry_delay") else None
    return Refused(code=info.reason, status=status, message=message, violations=violations, retry_after=retry_after, facts=info.metadata)


def _details(call: grpc.RpcError) -> Iterable[Any]:
    for one in call.trailing_metadata() or ():
        if one.key == DETAILS_KEY and isinstance(one.value, bytes):
            found: Iterable[Any] = status_pb2.Status.FromString(one.value).details
            return found
    return ()
