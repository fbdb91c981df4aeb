"""What several end-to-end tests do in the same way."""

import json
import time
import urllib.request
from collections.abc import Callable

from countersign import Client, Commit, Decision
from examples.subscription.theatre import Theatre

WORKFLOW = "activate_subscription"
FITTING = ["team_pro", "enterprise"]
PRICE = {"team_pro": 99_000_000, "enterprise": 1_200_000_000}
PATIENCE_S = 20.0


def decided(client: Client, run_id: str, account: str) -> Decision:
    made = client.decide(
        key=f"{run_id}/select_plan", run_id=run_id, workflow=WORKFLOW, step="select_plan", options=FITTING,
        context={"account": account, "plan": "team_basic", "team_size": 12},
    )  # fmt: skip
    assert made.option in FITTING, made
    return made


def payload(account: str, decision: Decision) -> dict[str, object]:
    assert decision.option is not None
    return {"account": account, "plan": decision.option, "seats": 12, "amount_micros": PRICE[decision.option], "currency": "USD"}


def commit(client: Client, run_id: str, account: str, decision: Decision, *, supersedes: str = "") -> Commit:
    return client.commit(
        key=f"{run_id}/activate", supersedes=supersedes, run_id=run_id, workflow=WORKFLOW, step="select_plan", action="activate_plan",
        decision=decision, payload=payload(account, decision),
    )  # fmt: skip


def operation(theatre: Theatre, commit_id: str) -> str:
    """What billing says of a downstream key."""
    with urllib.request.urlopen(f"{theatre.billing}/operations/cs-{commit_id}", timeout=5) as answer:  # noqa: S310 - our own billing, on the loopback
        status: str = json.load(answer)["status"]
    return status


def until(holds: Callable[[], bool], what: str) -> None:
    """Waits for an event that another process makes, and says what did not come."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s, f"{what} did not come within {PATIENCE_S} s"
        time.sleep(0.01)
