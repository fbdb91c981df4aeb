"""The example as its users meet it: both workflows, the same key three times, the kill switch, a host that vanishes, the logs."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from countersign import EntryKind, Outcome, Reason, RunStop
from examples.subscription.theatre import ROOT, Theatre
from tests.e2e.scenes import WORKFLOW, commit, decided, operation, until


@pytest.fixture(scope="module")
def go_workflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    binary = tmp_path_factory.mktemp("go") / "subscription"
    subprocess.run(["go", "build", "-o", str(binary), "."], cwd=ROOT / "examples/subscription/go", check=True, timeout=300)
    return binary


def run_workflow(command: list[str], theatre: Theatre, *, run_id: str, account: str) -> dict[str, object]:
    options = ["--gateway", theatre.address("acme"), "--billing", theatre.billing, "--account", account, "--seats", "12", "--run-id", run_id, "--json"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


def test_the_python_workflow_activates_one_subscription(theatre: Theatre) -> None:
    """The ~60 lines of a workflow engineer, against everything real."""
    told = run_workflow([sys.executable, "-m", "examples.subscription"], theatre, run_id="py-1", account="harbour")

    assert (told["outcome"], told["stop"]) == ("SUCCEEDED", "FINAL_RESULT")
    assert [held["plan"] for held in theatre.subscriptions("harbour")] == [told["option"]]


def test_the_go_workflow_activates_one_subscription(theatre: Theatre, go_workflow: Path) -> None:
    """The same in Go; and run again it is the same write."""
    first = run_workflow([str(go_workflow)], theatre, run_id="go-1", account="foundry")
    again = run_workflow([str(go_workflow)], theatre, run_id="go-1", account="foundry")

    assert (first["outcome"], first["replayed"], again["replayed"]) == ("SUCCEEDED", False, True)
    assert first["commit_id"] == again["commit_id"]
    assert len(theatre.subscriptions("foundry")) == 1


def test_three_identical_commits_at_once_write_once(theatre: Theatre) -> None:
    """Three callers, one key: one forward, one answer."""
    with theatre.client() as client:
        decision = decided(client, "three-1", "meadow")
        with ThreadPoolExecutor(3) as callers:
            answers = [*callers.map(lambda _: commit(client, "three-1", "meadow", decision), range(3))]
        ended = client.wait_commit(commit_id=answers[0].commit_id)

    assert {one.commit_id for one in answers} == {ended.commit_id}
    assert ended.outcome is Outcome.SUCCEEDED
    assert len(theatre.subscriptions("meadow")) == 1


def test_a_host_that_vanishes_after_writing_is_unknown_then_found_done(theatre: Theatre) -> None:
    """The money stays held while nobody knows; the reconciler asks; one subscription."""
    with theatre.client() as client:
        decision = decided(client, "vanish-1", "observatory")
        theatre.switch(vanish_after_writing={"times": 1})
        unknown = commit(client, "vanish-1", "observatory", decision)
        ended = client.wait_commit(commit_id=unknown.commit_id)

    assert (unknown.outcome, [one.reason for one in unknown.reasons]) == (Outcome.UNKNOWN, [Reason.HOST_SILENT])
    assert all(one.held > 0 for one in unknown.budgets)
    assert ended.outcome is Outcome.SUCCEEDED
    assert all(one.held == 0 and one.settled > 0 for one in ended.budgets)
    assert len(theatre.subscriptions("observatory")) == 1


def test_a_halt_denies_and_a_superseding_retry_goes_through(theatre: Theatre) -> None:
    """The operator's socket throws it, a workflow's cannot lift it, the key lives on."""
    countersign = str(Path(sys.executable).with_name("countersign"))

    def operate(*words: str, listener: str = "operator") -> subprocess.CompletedProcess[str]:
        line = [countersign, *words, "--gateway", theatre.address(listener)]
        return subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)

    with theatre.client() as client:
        decision = decided(client, "halt-1", "lighthouse")
        thrown = operate("halt", "--tenant", "acme", "--action", "activate_plan", "--reason", "looking into it", "--json")
        denied = commit(client, "halt-1", "lighthouse", decision)
        halt_id = json.loads(thrown.stdout)["halt_id"]
        by_a_workflow = operate("resume", halt_id, "--reason", "please", listener="acme")
        lifted = operate("resume", halt_id, "--reason", "looked into it")
        retried = commit(client, "halt-1", "lighthouse", decision, supersedes=denied.commit_id)

    assert (thrown.returncode, lifted.returncode) == (0, 0)
    assert by_a_workflow.returncode != 0
    assert [one.reason for one in denied.reasons] == [Reason.HALTED]
    assert (retried.outcome, retried.generation) == (Outcome.SUCCEEDED, 2)
    assert len(theatre.subscriptions("lighthouse")) == 1


def test_an_answer_outside_the_options_is_no_decision(theatre: Theatre) -> None:
    """The rogue model says platinum; the gateway says INVALID_OPTION, and nothing can be committed with it."""
    with theatre.client() as client:
        decision = client.decide(
            key="rogue", run_id="rogue-1", workflow=WORKFLOW, step="select_plan_rogue", context={"account": "orchard", "plan": "team_basic", "team_size": 12}
        )

    assert (decision.status, decision.stop, decision.option) == ("STOPPED", "INVALID_OPTION", None)


def test_a_run_reads_in_order(theatre: Theatre) -> None:
    """Route, decision, verdict, budget, outcome, stop: what happened, in the order it did."""
    with theatre.client() as client, client.run(workflow=WORKFLOW, run_id="trace-1") as run:
        run.record("read_account", {"account": "printworks"})
        decision = run.decide("select_plan", context={"account": "printworks", "plan": "team_basic", "team_size": 12}, options=["team_pro", "enterprise"])
        commit(client, "trace-1", "printworks", decision)
        run.finish()
        trace = run.trace()

    kinds = [entry.kind for entry in trace.entries]
    assert kinds == [EntryKind.STEP_RECORDED, EntryKind.DECISION, EntryKind.INTENT, EntryKind.OUTCOME, EntryKind.RUN_STOPPED]
    assert trace.run.stop is RunStop.FINAL_RESULT


def test_killed_between_forward_and_settle_it_is_unknown_then_settled_once(stage: Theatre) -> None:
    """SIGKILL while billing holds the write; billing writes; the next boot finds it interrupted, asks, and settles."""
    stage.start_billing()
    stage.start_models()
    stage.start_gateway()
    with stage.client() as client:
        decision = decided(client, "killed-1", "harbour")
        stage.switch(slow={"ms": 60_000, "times": 1})
        with ThreadPoolExecutor(1) as callers:
            waiting = callers.submit(commit, client, "killed-1", "harbour", decision)
            until(lambda: known(stage) == "FORWARDING", "the commit to be forwarded")
            commit_id = next(iter(ids(stage)))
            until(lambda: operation(stage, commit_id) == "IN_PROGRESS", "billing to take the write up")
            stage.kill("gateway")
            stage.switch()  # releases the held write: billing does it, for nobody
            until(lambda: len(stage.subscriptions("harbour")) == 1, "billing to write")
            stage.start_gateway()
            waiting.exception(timeout=60)
        recovered = client.wait_commit(commit_id=commit_id)
        again = commit(client, "killed-1", "harbour", decision)
        kinds = [entry.kind for entry in client.get_run(run_id="killed-1", workflow=WORKFLOW).entries]

    assert recovered.outcome is Outcome.SUCCEEDED
    assert (again.commit_id, again.replayed) == (commit_id, True)
    assert kinds == [EntryKind.DECISION, EntryKind.INTENT, EntryKind.OUTCOME, EntryKind.RESOLUTION]
    assert len(stage.subscriptions("harbour")) == 1


def listed(theatre: Theatre) -> list[dict[str, str]]:
    command = [str(Path(sys.executable).with_name("countersign")), "commits", "list", "--json", "--gateway", theatre.address("operator")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    found: list[dict[str, str]] = json.loads(done.stdout)["commits"]
    return found


def ids(theatre: Theatre) -> list[str]:
    return [one["commit_id"] for one in listed(theatre)]


def known(theatre: Theatre) -> str:
    return "FORWARDING" if any(one["outcome"] == "IN_PROGRESS" for one in listed(theatre)) else ""


def test_no_secret_and_no_payload_in_any_log(theatre: Theatre) -> None:
    """After everything above: the logs name neither the token nor what was written, nor what was asked of a model."""
    logs = {path.name: path.read_text(errors="replace") for path in theatre.logs.glob("*.log")}

    assert logs["gateway.log"]
    for said in logs.values():
        for secret in (theatre.token, "amount_micros", "99000000", "team_size", "cheapest plan"):
            assert secret not in said
