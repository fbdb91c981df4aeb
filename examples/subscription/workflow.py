"""Pick the best plan and activate a subscription.

    python -m examples.subscription.workflow --gateway unix:/path --billing URL --account NAME --seats N --run-id R [--json]

1. Reading the account and keeping the plans that fit are deterministic steps, recorded. Which of those is best an agent may say, and no more.
2. The one write leaves through Commit. Run again with the same run id, it is the same write: answered from the record, never done twice.
3. The run is finished where it came to an end (written, or definitely not); otherwise it stays open, to be run again.

Exit code: 0 SUCCEEDED · 1 an error, told on stderr · 2 wrong usage · 3 DENIED · 4 FAILED · 5 not known yet: run it again · 6 no decision · 7 no plan fits
"""

import argparse
import http.client
import json
import sys
from typing import Any, Final, TypedDict
from urllib.parse import quote, urlsplit

from countersign import Commit, CountersignError, Decision, HybridRun, Outcome, RunStop, Unclear, connect

ANSWER_BYTES_MAX: Final = 1 << 20
NOT_KNOWN, NO_DECISION, NO_PLAN = 5, 6, 7
CODES: Final = {Outcome.SUCCEEDED: 0, Outcome.DENIED: 3, Outcome.FAILED: 4}


class Plan(TypedDict):
    plan: str
    seats_max: int
    monthly_price_micros: int


class Offer(TypedDict):
    currency: str
    plans: list[Plan]


def read(billing: str, path: str) -> Any:  # noqa: ANN401  the JSON of another service
    """GET one JSON document of billing. OSError, HTTPException or ValueError where there is none."""
    connection = http.client.HTTPConnection(urlsplit(billing).netloc, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(ANSWER_BYTES_MAX)
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise ValueError(f"billing answered {answer.status} to GET {path}")
    return json.loads(body)


def keep_fitting(offer: Offer, *, seats: int) -> Offer:
    """The plans with room for `seats`, in the order of the price list."""
    return {"currency": offer["currency"], "plans": [plan for plan in offer["plans"] if plan["seats_max"] >= seats]}


def activate(run: HybridRun, *, billing: str, account: str, seats: int) -> tuple[int, dict[str, object]]:
    """The workflow: its exit code and what it tells."""
    team = run.step("read_account", lambda: read(billing, f"/accounts/{quote(account, safe='')}"))
    offer = run.step("keep_fitting", lambda: keep_fitting(read(billing, "/plans"), seats=seats))
    prices = {plan["plan"]: plan["monthly_price_micros"] for plan in offer["plans"]}
    if not prices:
        return NO_PLAN, told(run, stop=run.finish(stop=RunStop.FAILED, note="no plan fits").stop)

    decision = run.decide("select_plan", context={"account": account, "plan": team["plan"], "team_size": seats}, options=[*prices])
    if not decision.ended:
        return NOT_KNOWN, told(run, decision)
    if decision.option is None:
        return NO_DECISION, told(run, decision, stop=run.finish(stop=RunStop.FAILED, note=f"no decision: {decision.stop}").stop)
    if decision.option not in prices:
        raise ValueError(f"the decision names {decision.option!r}, which was not among the options")

    payload = {"account": account, "plan": decision.option, "seats": seats, "amount_micros": prices[decision.option], "currency": offer["currency"]}
    commit = run.commit("activate_plan", step="select_plan", decision=decision, payload=payload)
    if not commit.ended:
        return NOT_KNOWN, told(run, decision, commit)
    ended = run.finish() if commit.succeeded else run.finish(stop=RunStop.FAILED, note=commit.outcome)
    return CODES[commit.outcome], told(run, decision, commit, stop=ended.stop)


def told(run: HybridRun, decision: Decision | None = None, commit: Commit | None = None, *, stop: RunStop | None = None) -> dict[str, object]:
    """Null for what the run did not come to; a null `stop` is a run still open."""
    last = commit or decision
    return {
        "run_id": run.run_id,
        "option": decision.option if decision else None,
        "decision_id": decision.decision_id if decision else None,
        "commit_id": commit.commit_id if commit else None,
        "outcome": commit.outcome if commit else None,
        "replayed": commit.replayed if commit else False,
        "reasons": [reason.reason for reason in last.reasons] if last else [],
        "stop": stop,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="workflow", description="Pick the best plan and activate a subscription.")
    parser.add_argument("--gateway", required=True, help="unix:/path or 127.0.0.1:port")
    parser.add_argument("--billing", required=True, help="http://127.0.0.1:port")
    parser.add_argument("--account", required=True)
    parser.add_argument("--seats", type=int, required=True)
    parser.add_argument("--run-id", required=True, help="the same again is the same run: nothing is written twice")
    parser.add_argument("--give-up-after-s", type=float, default=60.0, help="how long each call asks on")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    asked = parser.parse_args()
    try:
        with connect(asked.gateway) as client, client.run(workflow="activate_subscription", run_id=asked.run_id, give_up_after_s=asked.give_up_after_s) as run:
            code, facts = activate(run, billing=asked.billing, account=asked.account, seats=asked.seats)
    except (CountersignError, OSError, http.client.HTTPException, ValueError) as error:
        print(f"workflow: {type(error).__name__}: {error}", file=sys.stderr)
        return NOT_KNOWN if isinstance(error, Unclear) else 1
    print(json.dumps(facts) if asked.json else "\n".join(f"{name:12} {value}" for name, value in facts.items() if value))
    return code


if __name__ == "__main__":
    sys.exit(main())
