"""What the platform team declares of a host system: how it is asked again, and what its answers may be taken for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.host_answer import HostClass


class HostMode(StrEnum):
    DEDUPE = "dedupe"  # remembers keys for `retention_ms`: a re-send has no second effect
    QUERY = "query"  # answers what came of a key
    NONE = "none"  # only an operator can say


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTerms:
    name: str
    mode: HostMode
    retention_ms: int  # of `dedupe`, else 0
    enforces_not_after: bool
    trusts_status_codes: bool
    replays_refusals: bool  # a refusal of one attempt is what every attempt of its key is answered
    overrides: Mapping[int, HostClass]
    wire_ms_max: int  # connect + send + read
    send_margin_ms: int  # send + read: what must still fit between the last allowed first byte and the end of the lease

    @property
    def lease_ms(self) -> int:
        """Longer than everything one attempt can take (R10)."""
        return self.wire_ms_max + 2 * self.send_margin_ms + 1_000
