"""The example's workflow, as a process of its own, between a real billing and a scripted gateway."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from countersign.v1 import gateway_pb2, types_pb2
from examples.subscription.workflow import Offer, keep_fitting
from tests.unit.clients.scripted import Fail, Reply, ScriptedGateway, because, committed, decided, refusal
from tests.unit.clients.test_run import KEY_REUSED, RECORDED, finished, trace_of

ROOT = Path(__file__).parents[3]
DECIDED = decided("DECIDED", stop="FINAL_RESULT", option="team_pro", decision_id="d-1")


@pytest.fixture(scope="module")
def billing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a billing with an empty book; no test here writes into it."""
    book = tmp_path_factory.mktemp("billing") / "billing.db"
    command = [sys.executable, "-m", "examples.subscription.billing", "--port", "0", "--database", str(book)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line.startswith(b"billing is ready at ")
        yield line.split()[-1].decode()
        child.terminate()
        child.wait(30)


async def workflow(gateway: ScriptedGateway, billing: str, *options: str, account: str = "harbour", seats: int = 12) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.subscription", "--gateway", gateway.address, "--billing", billing),
        *("--account", account, "--seats", str(seats), "--run-id", "r-1", "--give-up-after-s", "1", *options),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(child.communicate(), 60)
    return child.returncode or 0, out.decode(), err.decode()


def test_the_filter_keeps_what_seats_the_team_in_order() -> None:
    """Exactly enough seats is enough; the price list's order stays."""
    offer: Offer = {
        "currency": "USD",
        "plans": [{"plan": name, "seats_max": seats, "monthly_price_micros": 1} for name, seats in (("small", 11), ("fits", 12), ("large", 500))],
    }

    assert [plan["plan"] for plan in keep_fitting(offer, seats=12)["plans"]] == ["fits", "large"]
    assert keep_fitting(offer, seats=501)["plans"] == []


async def test_the_whole_walk(gateway: ScriptedGateway, billing: str) -> None:
    """Two steps recorded, the options narrowed to what fits, one write that says what was decided at the list's price, the run finished."""
    gateway.says(RECORDED, RECORDED, DECIDED, committed("SUCCEEDED"), finished("FINAL_RESULT"))

    code, out, _ = await workflow(gateway, billing, "--json")

    assert code == 0
    assert json.loads(out) == {
        "run_id": "r-1",
        "option": "team_pro",
        "decision_id": "d-1",
        "commit_id": "c-1",
        "outcome": "SUCCEEDED",
        "replayed": False,
        "reasons": [],
        "stop": "FINAL_RESULT",
    }
    read_account, fitting, decide, commit, finish = [one.request for one in gateway.seen]
    assert isinstance(read_account, gateway_pb2.RecordStepRequest)
    assert isinstance(fitting, gateway_pb2.RecordStepRequest)
    assert isinstance(decide, gateway_pb2.DecideRequest)
    assert isinstance(commit, gateway_pb2.CommitRequest)
    assert isinstance(finish, gateway_pb2.FinishRunRequest)
    assert (read_account.step, read_account.result) == ("read_account", b'{"account":"harbour","team_size":12,"plan":"team_basic"}')
    assert (fitting.step, [plan["plan"] for plan in json.loads(fitting.result)["plans"]]) == ("keep_fitting", ["team_pro", "enterprise"])
    assert (decide.step, list(decide.allowed_options)) == ("select_plan", ["team_pro", "enterprise"])
    assert decide.context == b'{"account":"harbour","team_size":12,"plan":"team_basic"}'
    assert (commit.step, commit.action, commit.decision_id) == ("select_plan", "activate_plan", "d-1")
    assert commit.payload == b'{"account":"harbour","plan":"team_pro","seats":12,"amount_micros":99000000,"currency":"USD"}'
    assert finish.stop == types_pb2.RUN_STOP_FINAL_RESULT


@pytest.mark.parametrize(
    ("replies", "code", "facts", "last"),
    [
        ([DECIDED, committed("DENIED", because("POLICY_DENIED", "WHEN_CHANGED")), finished("POLICY_DENIAL")], 3, ["DENIED", "POLICY_DENIAL"], "FinishRun"),
        ([DECIDED, committed("FAILED", because("HOST_REFUSED", "NEVER")), finished("FAILED")], 4, ["FAILED", "HOST_REFUSED"], "FinishRun"),
        ([DECIDED, committed("UNKNOWN")], 5, ["UNKNOWN", "c-1"], "WaitCommit"),
        ([decided("ABSTAINED", stop="ABSTAINED"), finished("FAILED")], 6, ["d-1", "FAILED"], "FinishRun"),
        ([decided("IN_PROGRESS")], 5, ["d-1"], "Decide"),
    ],
    ids=["denied", "failed", "unknown", "no decision", "still thinking"],
)
async def test_an_end_without_success(gateway: ScriptedGateway, billing: str, replies: list[Reply], code: int, facts: list[str], last: str) -> None:
    """Each has its exit code; the run is finished where it came to an end and left open where it did not."""
    silence = [Fail(grpc.StatusCode.UNAVAILABLE)] * 20
    gateway.says(RECORDED, RECORDED, *replies, *silence)

    returned, out, err = await workflow(gateway, billing)

    assert (returned, err) == (code, "")
    assert all(fact in out for fact in facts)
    assert gateway.methods[-1] == last


async def test_no_plan_fits(gateway: ScriptedGateway, billing: str) -> None:
    """Nothing to decide: no agent is asked."""
    gateway.says(RECORDED, RECORDED, finished("FAILED"))

    code, _, _ = await workflow(gateway, billing, seats=501)

    assert code == 7
    assert gateway.methods == ["RecordStep", "RecordStep", "FinishRun"]


async def test_run_again_it_asks_the_same(gateway: ScriptedGateway, billing: str) -> None:
    """Where its own write has changed the account since, the run goes on from what it had recorded, and the replay is told."""
    recorded = trace_of(("read_account", b'{"account":"harbour","team_size":12,"plan":"enterprise"}'))
    gateway.says(KEY_REUSED, recorded, RECORDED, DECIDED, committed("SUCCEEDED", replayed=True), finished("FINAL_RESULT"))

    code, out, _ = await workflow(gateway, billing, "--json")

    decide = gateway.sent("Decide")[0]
    assert isinstance(decide, gateway_pb2.DecideRequest)
    assert json.loads(decide.context)["plan"] == "enterprise"
    assert (code, json.loads(out)["replayed"]) == (0, True)


async def test_errors_are_one_line_and_no_success(gateway: ScriptedGateway, billing: str) -> None:
    """An account that billing does not know, and a gateway that refuses, end with 1 and a sentence."""
    gateway.says(finished("FAILED"), RECORDED, RECORDED, refusal(grpc.StatusCode.INVALID_ARGUMENT, "UNDECLARED"), finished("FAILED"))
    not_offered = decided("DECIDED", option="team_basic")
    gateway.says(RECORDED, RECORDED, not_offered, finished("FAILED"))

    unknown, _, no_account = await workflow(gateway, billing, account="nobody")
    refused, _, undeclared = await workflow(gateway, billing)
    outside, _, no_option = await workflow(gateway, billing)

    assert (unknown, no_account) == (1, "workflow: ValueError: billing answered 404 to GET /accounts/nobody\n")
    assert (refused, undeclared.count("\n")) == (1, 1)
    assert undeclared.startswith("workflow: Refused: UNDECLARED")
    assert (outside, no_option) == (1, "workflow: NotOffered: the decision of step select_plan names 'team_basic', which was not among the options\n")
    assert gateway.methods.count("FinishRun") == 3
