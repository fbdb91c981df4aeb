"""Answers in words: outcomes, reasons, budgets, what a host said. Text from elsewhere goes through `plain`."""

from collections.abc import Sequence
from typing import Final

from countersign import BudgetMovement, Commit, Outcome, ReasonDetail
from gateway.cli.screen import amount, plain
from gateway.domain.reasons import TABLE, Reason

_HOST_CHARS_MAX: Final = 300
_OUTCOMES: Final = {
    Outcome.SUCCEEDED: "SUCCEEDED: the host applied the write",
    Outcome.FAILED: "FAILED: the host definitely did not apply it; what was held is released",
    Outcome.DENIED: "DENIED: nothing was forwarded",
    Outcome.UNKNOWN: "UNKNOWN: it may have happened; what was held stays held until it is settled",
    Outcome.IN_PROGRESS: "IN_PROGRESS: admitted, and not yet ended",
}


def outcome_words(outcome: Outcome) -> str:
    return _OUTCOMES.get(outcome, outcome.value)


def outcome_line(commit: Commit) -> str:
    return outcome_words(commit.outcome)


def meaning(code: str) -> str:
    """The sentence of a reason; a code this version does not know stands for itself."""
    return f"{plain(code)}: {TABLE[Reason(code)].meaning}" if code in Reason.__members__ else plain(code)


def reason_lines(reasons: Sequence[ReasonDetail]) -> list[str]:
    """One line each: the code, its sentence, the policy's code, the facts, the advice."""
    return [_reason(one) for one in reasons]


def _reason(one: ReasonDetail) -> str:
    said = f"{one.reason}: {plain(one.message)}" if one.message else meaning(one.reason.value)
    code = f" [{plain(one.policy_code)}]" if one.policy_code else ""
    facts = ", ".join(f"{plain(name)} {plain(value)}" for name, value in one.facts.items() if value)
    after = f"; again after {one.retry_after.total_seconds():g} s" if one.retry_after else ""
    return f"{said}{code}{f' ({facts})' if facts else ''}{after}"


def budget_line(one: BudgetMovement) -> str:
    """`value of tenant acme per month: settled 99.00 USD, left 49,901.00 USD of 50,000.00 USD`."""
    window = "" if one.window == "total" else f" per {plain(one.window)}"
    moved = [f"{word} {amount(quantity, one.currency)}" for word, quantity in (("held", one.held), ("settled", one.settled)) if quantity] or ["nothing moved"]
    left = f"left {amount(one.left, one.currency)} of {amount(one.limit, one.currency)}"
    return f"{plain(one.ledger)} of {plain(one.level)} {plain(one.scope)}{window}: {', '.join(moved)}, {left}"


def host_line(commit: Commit) -> list[str]:
    """What the host answered, where it did."""
    if not commit.host_status:
        return []
    body = plain(commit.host_response.decode("utf-8", errors="backslashreplace"), chars_max=_HOST_CHARS_MAX)
    cut = " (cut)" if commit.response_truncated else ""
    return [f"answered {commit.host_status}{f': {body}' if body else ''}{cut}"]
