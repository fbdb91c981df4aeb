"""The workflow as a command: flags, one JSON object or lines, an exit code.

    python -m examples.subscription --gateway unix:/path --billing URL --account NAME --seats N --run-id R [--json]

Exit code: 0 SUCCEEDED · 1 an error, told on stderr · 2 wrong usage · 3 DENIED · 4 FAILED · 5 not known yet: run it again · 6 no decision · 7 no plan fits
"""

import argparse
import http.client
import json
import sys
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from countersign import CountersignError, Outcome, Unclear, connect
from examples.subscription.workflow import Result, activate

ANSWER_BYTES_MAX: Final = 1 << 20
NOT_KNOWN, NO_DECISION, NO_PLAN = 5, 6, 7
CODES: Final = {Outcome.SUCCEEDED: 0, Outcome.DENIED: 3, Outcome.FAILED: 4}


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


def code_of(result: Result) -> int:
    match result.commit or result.decision:
        case None:
            return NO_PLAN
        case last if not last.ended:
            return NOT_KNOWN
    return CODES[result.commit.outcome] if result.commit else NO_DECISION


def told(result: Result, *, run_id: str) -> dict[str, object]:
    decision, commit = result.decision, result.commit
    last = commit or decision
    return {
        "run_id": run_id,
        "option": decision.option if decision else None,
        "decision_id": decision.decision_id if decision else None,
        "commit_id": commit.commit_id if commit else None,
        "outcome": commit.outcome if commit else None,
        "replayed": commit.replayed if commit else False,
        "reasons": [reason.reason for reason in last.reasons] if last else [],
        "stop": result.stop,
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
            result = activate(run, read=partial(read, asked.billing), account=asked.account, seats=asked.seats)
    except (CountersignError, OSError, http.client.HTTPException, ValueError) as error:
        print(f"workflow: {type(error).__name__}: {error}", file=sys.stderr)
        return NOT_KNOWN if isinstance(error, Unclear) else 1
    facts = told(result, run_id=asked.run_id)
    print(json.dumps(facts) if asked.json else "\n".join(f"{name:12} {value}" for name, value in facts.items() if value))
    return code_of(result)


if __name__ == "__main__":
    sys.exit(main())
