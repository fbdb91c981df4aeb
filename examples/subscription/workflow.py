"""Pick the best plan and activate a subscription. The process around it is `__main__.py`; the same in Go is `go/workflow.go`.

1. Reading the account and keeping the plans that fit are deterministic steps, recorded. Which of those is best an agent may say, and no more.
2. The one write leaves through Commit. Run again with the same run id, it is the same write: answered from the record, never done twice.
3. The run is finished where it came to an end (written, or definitely not); otherwise it stays open, to be run again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict
from urllib.parse import quote

from countersign import Commit, Decision, HybridRun, RunStop


class Plan(TypedDict):
    plan: str
    seats_max: int
    monthly_price_micros: int


class Offer(TypedDict):
    currency: str
    plans: list[Plan]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """None for what the run did not come to; a `stop` of None is a run still open."""

    stop: RunStop | None
    decision: Decision | None = None
    commit: Commit | None = None


def keep_fitting(offer: Offer, *, seats: int) -> Offer:
    """The plans with room for `seats`, in the order of the price list."""
    return {"currency": offer["currency"], "plans": [plan for plan in offer["plans"] if plan["seats_max"] >= seats]}


def activate(run: HybridRun, *, read: Callable[[str], Any], account: str, seats: int) -> Result:
    """The workflow. `read` gets one JSON document of billing."""
    team = run.step("read_account", lambda: read(f"/accounts/{quote(account, safe='')}"))
    offer = run.step("keep_fitting", lambda: keep_fitting(read("/plans"), seats=seats))
    prices = {plan["plan"]: plan["monthly_price_micros"] for plan in offer["plans"]}
    if not prices:
        return Result(stop=run.finish(stop=RunStop.FAILED, note="no plan fits").stop)

    about = {"account": account, "team_size": seats, "plan": team["plan"]}
    decision = run.decide("select_plan", context=about, options=[*prices])
    if decision.option is None:
        return Result(stop=run.conclude(decision), decision=decision)

    order = {"account": account, "plan": decision.option, "seats": seats, "amount_micros": prices[decision.option], "currency": offer["currency"]}
    commit = run.commit("activate_plan", step="select_plan", decision=decision, payload=order)
    return Result(stop=run.conclude(commit), decision=decision, commit=commit)
