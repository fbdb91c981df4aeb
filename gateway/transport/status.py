"""A refusal or a fault as a gRPC status with our ErrorInfo.

1. UNAVAILABLE with it means: definitely not forwarded, same key safe.
2. It always fits the wire: a library drops trailers over 8 KiB, and the caller would see an error that is not ours.
3. A workflow is not told what a store's library said: addresses, roles and statements are the platform's. The log has it, and an operator is told.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from gateway.domain.faults import Fault, PolicyFault, StorageLow
from gateway.domain.identity import Role
from gateway.domain.reasons import TABLE, Kind, Reason
from gateway.domain.refusal import Refusal, Violation
from gateway.ports.store import Withdrawn
from gateway.transport.codec.form import duration

DOMAIN: Final = "countersign.dev"
NO_RETRIES: Final = ("grpc-retry-pushback-ms", "-1")  # stops a client library's own retry policy: idempotency is the caller's to use, not its
_DETAILS: Final = "grpc-status-details-bin"
_MESSAGE_BYTES_MAX: Final = 800  # travels percent-encoded, and once more inside the details
_FIELD_BYTES_MAX: Final = 200
_FIELDS_BYTES_MAX: Final = 2_400  # all together

CODES: Final = {reason: grpc.StatusCode[row.status] for reason, row in TABLE.items() if row.kind is Kind.REFUSAL}


def trailers(refusal: Refusal) -> tuple[grpc.StatusCode, str, tuple[tuple[str, str | bytes], ...]]:
    """(code, message, trailing metadata) of a refusal."""
    code, message = CODES[refusal.reason], _cut(refusal.message, _MESSAGE_BYTES_MAX)
    details = [ErrorInfo(reason=refusal.reason, domain=DOMAIN, metadata=dict(refusal.facts))]
    packed = [_pack(one) for one in details]
    if refusal.violations:
        packed.append(_pack(BadRequest(field_violations=_fields(refusal.violations))))
    if refusal.retry_after_ms:
        packed.append(_pack(RetryInfo(retry_delay=duration(refusal.retry_after_ms))))
    number: int = code.value[0]
    status = Status(code=number, message=message, details=packed)
    return code, message, ((_DETAILS, status.SerializeToString()), NO_RETRIES)


def _fields(violations: Sequence[Violation]) -> Iterator[BadRequest.FieldViolation]:
    """As many as fit; the last one says how many more there are."""
    left = _FIELDS_BYTES_MAX
    for place, one in enumerate(violations):
        field = BadRequest.FieldViolation(field=_cut(one.path, _FIELD_BYTES_MAX), description=_cut(one.problem, _FIELD_BYTES_MAX))
        left -= field.ByteSize()
        if left < 0:
            yield BadRequest.FieldViolation(field="", description=f"{len(violations) - place} more")
            return
        yield field


def _cut(text: str, bytes_max: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= bytes_max else encoded[: bytes_max - 3].decode(errors="ignore") + "…"


def _pack(message: ErrorInfo | BadRequest | RetryInfo) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed


def of_fault(fault: Fault, role: Role) -> Refusal:
    """A fault before T1: nothing was forwarded. `role` is the caller's."""
    match fault:
        case PolicyFault():
            reason, what = Reason.POLICY_UNAVAILABLE, "no verdict"
        case StorageLow():
            reason, what = Reason.STORAGE_LOW, "storage is low"
        case _:
            reason, what = Reason.STORE_UNAVAILABLE, "the store did not take it"
    inside = role is Role.WORKFLOW and not isinstance(fault, PolicyFault | Withdrawn)
    said = "the gateway's log says why" if inside else fault.detail[:300]
    message = f"{what}: {said}. Nothing was forwarded; the same key is safe to send again."
    return Refusal(reason=reason, message=message, retry_after_ms=1_000)


def of_bug() -> Refusal:
    return Refusal(reason=Reason.BUG, message="a law of the gateway itself was broken; nothing was forwarded. Its log has the trace; please report it.")
