"""Tokens and money of one model call: reserved before it, settled after it. Integers, rounded up.

1. The prompt is bounded by its bytes (no tokenizer makes more tokens than bytes) and the answer by the completion tokens asked for.
2. What a server reports is settled as it is, also above the reservation. What cannot be true (missing, not an integer, not positive
   for what was plainly there, absurd) is settled at the reservation.
3. The grant shrinks to what is left; below `COMPLETION_TOKENS_MIN` there is no call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from agent.task import Limits, Price, Usage

COMPLETION_TOKENS_MIN: Final = 64  # no step object with a long option fits in less
TOKENS_ABSURD: Final = 10_000_000  # no single call has this many


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What the server said it used; each value is whatever JSON it sent, None when absent."""

    prompt: object
    completion: object
    total: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    completion_tokens: int
    usage: Usage  # with the reservation in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """One more call does not fit. Integers: tokens, or micros."""

    ledger: str  # tokens | spend
    asked: int  # by the smallest call there is
    left: int
    limit: int
    told: str

    def facts(self) -> Mapping[str, str]:
        return {"ledger": self.ledger, "asked": str(self.asked), "left": str(self.left), "limit": str(self.limit)}


def reserve(usage: Usage, limits: Limits, price: Price | None, *, prompt_tokens_max: int, completion_tokens_max: int) -> Granted | Short:
    """Reserve one call, or say which limit does not hold it."""
    left = limits.tokens_max - usage.tokens_in - usage.tokens_out
    granted = min(completion_tokens_max, left - prompt_tokens_max)
    if granted < COMPLETION_TOKENS_MIN:
        need = f"{prompt_tokens_max} for the prompt and {COMPLETION_TOKENS_MIN} for the answer"
        told = f"tokens: the next call may take {need}; {max(0, left)} of {limits.tokens_max} left"
        return Short(ledger="tokens", asked=prompt_tokens_max + COMPLETION_TOKENS_MIN, left=max(0, left), limit=limits.tokens_max, told=told)
    if price is not None and limits.spend_micros_max is not None:
        spend_left = limits.spend_micros_max - usage.spend_micros
        while granted >= COMPLETION_TOKENS_MIN and price.micros(tokens_in=prompt_tokens_max, tokens_out=granted) > spend_left:
            granted //= 2
        if granted < COMPLETION_TOKENS_MIN:
            cost = price.micros(tokens_in=prompt_tokens_max, tokens_out=COMPLETION_TOKENS_MIN)
            told = f"spend: the next call may cost {cost} micros; {max(0, spend_left)} of {limits.spend_micros_max} left"
            return Short(ledger="spend", asked=cost, left=max(0, spend_left), limit=limits.spend_micros_max, told=told)
    spend = price.micros(tokens_in=prompt_tokens_max, tokens_out=granted) if price is not None else 0
    held = replace(usage, tokens_in_reserved=prompt_tokens_max, tokens_out_reserved=granted, spend_reserved_micros=spend)
    return Granted(completion_tokens=granted, usage=held)


def settle(usage: Usage, price: Price | None, reported: Reported | None) -> Usage:
    """Turn the reservation into what was used; None: nobody said, so all of it was."""
    tokens_in, tokens_out = usage.tokens_in_reserved, usage.tokens_out_reserved
    if reported is not None:
        tokens_in = _believable(reported.prompt, otherwise=tokens_in)
        tokens_out = _believable(reported.completion, otherwise=tokens_out)
        tokens_out = max(tokens_out, _believable(reported.total, otherwise=0) - tokens_in)  # thinking that is billed beside the answer
    spend = price.micros(tokens_in=tokens_in, tokens_out=tokens_out) if price is not None else 0
    return replace(
        release(usage),
        tokens_in=usage.tokens_in + tokens_in,
        tokens_out=usage.tokens_out + tokens_out,
        spend_micros=usage.spend_micros + spend,
    )


def release(usage: Usage) -> Usage:
    """Give the reservation back: the call was certainly not made, or certainly refused unread."""
    return replace(usage, tokens_in_reserved=0, tokens_out_reserved=0, spend_reserved_micros=0)


def _believable(count: object, *, otherwise: int) -> int:
    return count if type(count) is int and 0 < count <= TOKENS_ABSURD else otherwise
