"""The model calls of a decision, one line each, for a person."""

from collections.abc import Iterator
from typing import Final

from countersign import CallOutcome, Decision, ModelCall
from gateway.cli.screen import money, plain

_DETAIL_CHARS_MAX: Final = 120
_WORDS: Final = {
    CallOutcome.DECIDED: "named an option",
    CallOutcome.ABSTAINED: "abstained",
    CallOutcome.TOOL_CALLED: "asked for",
    CallOutcome.MALFORMED: "was not accepted:",
    CallOutcome.TRUNCATED: "was cut off:",
    CallOutcome.REFUSED: "refused",
    CallOutcome.FAULTED: "failed:",
    CallOutcome.UNSPECIFIED: "did something this command does not know",
}


def cost(decision: Decision, micros: int) -> str:
    """In the currency the decision was held in."""
    currency = next((one.currency for one in decision.budgets if one.ledger == "spend"), "")
    return money(micros, currency) if currency else f"{micros:,} micros"


def calls_told(decision: Decision) -> Iterator[str]:
    several = decision.agreement is not None
    for number, call in enumerate(decision.calls, 1):
        ballot = f" (ballot {call.ballot})" if several else ""
        used = f"{call.tokens_in:,} + {call.tokens_out:,} tokens, {cost(decision, call.spend_micros)}, {call.wall.total_seconds():.1f} s"
        yield f"call {number}{ballot}: {plain(call.model)} {_came_to(call)}; {used}"


def _came_to(call: ModelCall) -> str:
    if call.outcome is CallOutcome.DECIDED:
        return f"chose {plain(call.option)}, listed {_ordinal(call.position)}" if call.option else "named what is no option"
    detail = plain(call.detail, chars_max=_DETAIL_CHARS_MAX)
    return f"{_WORDS[call.outcome]} {detail}".strip()


def _ordinal(place: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(place, f"{place}th")
