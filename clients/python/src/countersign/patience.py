"""When to ask again, and when to stop. The law of both loops; it knows neither wire nor gateway.

1. What was asked without an answer is asked again as it was: same content, same key, same `supersedes`. No new key is ever made.
2. A write that may have happened (UNKNOWN, IN_PROGRESS, or an outcome this client does not know) is only waited for.
3. A new generation is asked for only on demand, and only where asking again can help: every reason of a FAILED or DENIED commit says AFTER;
   a decision stopped for a passing cause.
4. Never sooner than the gateway advised; bounded in sends and in time; when the next wait would outlast the end, end now.
5. The end with an answer that still stands returns it; the end without one raises the last error. A refusal that ends a loop in which a send
   stayed without an answer is itself Unclear: this refusal is sure, the fate of the earlier send is not.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, Generic, Protocol, TypeVar, assert_never

from countersign.answers import Commit, Decision, ReasonDetail
from countersign.codes import DecideStop, DecisionStatus, Outcome, Retry
from countersign.errors import Refused, Unclear

Answer = TypeVar("Answer")

BACKOFF_FIRST_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0
ASK_S_MIN: Final = 0.05  # a question with less time than this is not worth sending
SENDS_MAX: Final = 10
PASSING_STOPS: Final = frozenset({DecideStop.TIMEOUT, DecideStop.MODEL_FAULT, DecideStop.LOST, DecideStop.CANCELLED})


class Clock(Protocol):
    """The outside world of a loop."""

    def now_s(self) -> float:
        """Seconds on a clock that never runs backwards."""

    def rest_s(self, seconds: float) -> None:
        """Returns after that many seconds."""

    def spread(self) -> float:
        """Evenly random in [0, 1)."""


class SystemClock:
    """The real one."""

    def __init__(self) -> None:
        self._chance: Final = random.SystemRandom()

    def now_s(self) -> float:
        return time.monotonic()

    def rest_s(self, seconds: float) -> None:
        time.sleep(seconds)

    def spread(self) -> float:
        return self._chance.random()


class Patience:
    """What one loop may still spend: sends and seconds. Made for one loop, used up by it."""

    def __init__(self, clock: Clock, *, give_up_after_s: float, sends_max: int = SENDS_MAX) -> None:
        if give_up_after_s <= 0 or sends_max < 1:
            raise ValueError(f"give_up_after_s is {give_up_after_s} and sends_max {sends_max}; both need to be above 0")
        self._clock: Final = clock
        self._end_s: Final = clock.now_s() + give_up_after_s
        self._sends_left = sends_max - 1  # the first one is always made
        self._asked = 0
        self._asked_at_s = clock.now_s()

    def ask_s(self, deadline_s: float) -> float:
        """Deadline of the question about to be asked: the caller's, or what is left."""
        self._asked += 1
        self._asked_at_s = self._clock.now_s()
        return min(deadline_s, max(ASK_S_MIN, self._end_s - self._asked_at_s))

    def again(self, *, sends: bool, advice: timedelta | None) -> bool:
        """Rests until the next question is due. False, at once, when there is to be none."""
        now_s = self._clock.now_s()
        pause_s = self._pause_s(now_s, advice)
        if (sends and self._sends_left == 0) or now_s + pause_s + ASK_S_MIN > self._end_s:
            return False
        self._sends_left -= sends
        if pause_s > 0:
            self._clock.rest_s(pause_s)
        return True

    def _pause_s(self, now_s: float, advice: timedelta | None) -> float:
        """Jittered backoff from question to question (a long wait for an answer counts as rest), on top of advice where there is some."""
        ceiling_s: float = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(self._asked - 1, 16))
        backoff_s = ceiling_s * (1 + self._clock.spread()) / 2
        if advice is not None and advice > timedelta():
            return advice.total_seconds() + backoff_s
        return max(0.0, backoff_s - (now_s - self._asked_at_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[Answer]):
    """One question of a loop."""

    question: Callable[[], Answer]
    sends: bool  # a request that can start something; otherwise it only asks after what is known
    advice: timedelta | None = None  # not sooner than this


Follow = Callable[[Answer], Answer]  # asks on from an answer


def until_ended(first: Ask[Answer], then: Callable[[Answer], Ask[Answer] | None], patience: Patience) -> Answer:
    """Asks, and follows each answer with what `then` says, until it says None or patience ends. Raises Refused or Unclear (law 5)."""
    ask, known, in_doubt = first, None, False
    while True:
        try:
            known = ask.question()
        except (Refused, Unclear) as error:
            in_doubt = ask.sends and (in_doubt or isinstance(error, Unclear))
            advice = error.retry_after if isinstance(error, Refused) else None
            if error.passing and patience.again(sends=ask.sends, advice=advice):
                continue
            if error.passing and not ask.sends and known is not None:
                return known
            raise _final(error, in_doubt=in_doubt) from error
        in_doubt = False
        following = then(known)
        if following is None or not patience.again(sends=following.sends, advice=following.advice):
            return known
        ask = following


def _final(error: Refused | Unclear, *, in_doubt: bool) -> Refused | Unclear:
    if in_doubt and isinstance(error, Refused):
        return Unclear(status=error.status, message=f"an earlier send had no answer, the last one was refused: {error}")
    return error


def after_commit(commit: Commit, *, wait: Follow[Commit], supersede: Follow[Commit] | None) -> Ask[Commit] | None:
    """What follows a commit's answer: nothing, waiting for it, or (where opted in) the next generation."""
    match commit.outcome:
        case Outcome.SUCCEEDED:
            return None
        case Outcome.FAILED | Outcome.DENIED:
            if supersede is None or not can_pass(commit.reasons):
                return None
            return Ask(question=partial(supersede, commit), sends=True, advice=longest(commit.reasons))
        case Outcome.UNKNOWN | Outcome.IN_PROGRESS | Outcome.AWAITING_APPROVAL | Outcome.UNSPECIFIED:
            return Ask(question=partial(wait, commit), sends=False)
        case _:
            assert_never(commit.outcome)


def after_decision(decision: Decision, *, same: Follow[Decision], supersede: Follow[Decision] | None) -> Ask[Decision] | None:
    """What follows a decision's answer: nothing, the same question, or (where opted in) the next generation."""
    match decision.status:
        case DecisionStatus.DECIDED | DecisionStatus.ABSTAINED:
            return None
        case DecisionStatus.STOPPED:
            if supersede is None or decision.stop not in PASSING_STOPS:
                return None
            return Ask(question=partial(supersede, decision), sends=True, advice=longest(decision.reasons))
        case DecisionStatus.IN_PROGRESS | DecisionStatus.UNSPECIFIED:
            return Ask(question=partial(same, decision), sends=False)
        case _:
            assert_never(decision.status)


def can_pass(reasons: Sequence[ReasonDetail]) -> bool:
    """Every reason says that asking again after a while can help; no reason at all says nothing."""
    return bool(reasons) and all(one.retry is Retry.AFTER for one in reasons)


def longest(reasons: Sequence[ReasonDetail]) -> timedelta | None:
    return max((one.retry_after for one in reasons if one.retry_after is not None), default=None)
