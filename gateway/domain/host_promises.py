"""What a target may promise, and what one look at it can show: the conformance kit's words.

1. One answer shows that a promise is not kept, and never more than that it was kept this time.
2. How long a key is remembered, and how many effects there were, only a person can say.
3. Of several looks at one promise the worst counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.domain.host_answer import GrpcReply, HttpReply, Observation
from gateway.domain.targets import HostMode, TargetTerms


class Kept(StrEnum):
    YES = "YES"  # this time
    NO = "NO"
    ASK = "ASK"  # only a person can say
    UNSEEN = "UNSEEN"  # the question could not be put, or went unanswered


class Promise(StrEnum):
    """By the names of the settings."""

    DEDUPE = "mode: dedupe"
    RETENTION = "dedupe.retention"
    QUERY = "mode: query"
    ENFORCES_NOT_AFTER = "query.enforces_not_after"
    REPLAYS_REFUSALS = "replays_refusals"
    TRUSTS_STATUS_CODES = "trusts_status_codes"
    IDLE = "idle_max"
    READ_TIMEOUT = "read_timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One question, what was sent under which keys, and what was seen."""

    question: str
    keys: tuple[str, ...]
    seen: str
    promise: Promise | None
    kept: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Of one promise: whether it was kept, and whether the settings make it."""

    promise: Promise
    kept: Kept
    declared: bool

    @property
    def is_wrong(self) -> bool:
        """The settings promise what the host was seen not to keep."""
        return self.declared and self.kept is Kept.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    target: str
    reached: bool
    seen: tuple[Seen, ...]
    advice: tuple[Advice, ...]

    @property
    def is_wrong(self) -> bool:
        return not self.reached or any(one.is_wrong for one in self.advice)


def same(first: Observation, second: Observation) -> Kept:
    """Two answers to one key: other bytes are another answer; the same bytes may still be two effects."""
    match first, second:
        case HttpReply(), HttpReply():
            alike = (first.status, first.body) == (second.status, second.body)
        case GrpcReply(), GrpcReply():
            alike = (first.code, first.body) == (second.code, second.body)
        case _:
            return Kept.UNSEEN
    return Kept.ASK if alike else Kept.NO


def advice(terms: TargetTerms, seen: Iterable[Seen]) -> tuple[Advice, ...]:
    """One of every promise that was looked at, and of what cannot be."""
    declared = {
        Promise.DEDUPE: terms.mode is HostMode.DEDUPE, Promise.RETENTION: terms.mode is HostMode.DEDUPE, Promise.QUERY: terms.mode is HostMode.QUERY,
        Promise.ENFORCES_NOT_AFTER: terms.enforces_not_after, Promise.REPLAYS_REFUSALS: terms.replays_refusals,
        Promise.TRUSTS_STATUS_CODES: terms.trusts_status_codes, Promise.IDLE: terms.mode is not HostMode.NONE, Promise.READ_TIMEOUT: True,
    }  # fmt: skip
    found: dict[Promise, list[Kept]] = {Promise.RETENTION: [Kept.ASK]}
    for one in seen:
        if one.promise is not None:
            found.setdefault(one.promise, []).append(one.kept)
    return tuple(Advice(promise=promise, kept=min(found[promise], key=_BY_WEIGHT.index), declared=declared[promise]) for promise in Promise if promise in found)


_BY_WEIGHT: Final = (Kept.NO, Kept.ASK, Kept.YES, Kept.UNSEEN)
