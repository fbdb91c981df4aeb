"""`make demo`: one governed decision and one governed write, for real, and what happens when something is not as it should be.

1. Every line shown is read from an answer of the gateway, of billing, or of the `countersign` command; nothing is staged in text.
2. Each scene checks what it shows: a demo that shows something else than it says ends with exit code 1.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.panel import Panel

from countersign import Client, Commit, DecideLimits, Decision, HybridRun, Outcome, Reason, RunStop
from countersign.operator import HaltScope, connect_operator
from examples.subscription.theatre import ROOT, NotReady, Theatre
from examples.subscription.workflow import activate

TEAM: Final = 12
WORKFLOW: Final = "activate_subscription"
HALTED: Final = "lighthouse-1"
FITTING: Final = ["team_pro", "enterprise"]
PRICE: Final = {"team_pro": 99_000_000, "enterprise": 1_200_000_000}

out = Console(highlight=False, width=110)


class NotAsSaid(Exception):
    """A scene did not show what it was to show."""


def need(holds: bool, what: str) -> None:  # noqa: FBT001 - reads as the sentence it is
    if not holds:
        raise NotAsSaid(what)


def scene(number: int, title: str) -> None:
    out.print(f"\n[bold cyan]{number}. {title}[/]")


def tell(label: str, value: object) -> None:
    out.print(f"   {label:<15}", end="")
    out.print(str(value), markup=False)


def show_commit(commit: Commit) -> None:
    tell("outcome", f"{commit.outcome}{' (replayed)' if commit.replayed else ''}   commit {commit.commit_id}")
    for reason in commit.reasons:
        facts = "  ".join(f"{name}={value}" for name, value in reason.facts.items() if value)
        tell("reason", f"{reason.reason} {reason.policy_code or ''} {facts}".strip())
    for budget in commit.budgets:
        tell("budget", f"{budget.level} {budget.ledger}/{budget.window}: held {budget.held}, settled {budget.settled}, left {budget.left} {budget.currency}")


def payload(account: str, plan: str, *, amount_micros: int | None = None) -> dict[str, object]:
    return {
        "account": account, "plan": plan, "seats": TEAM, "amount_micros": PRICE[plan] if amount_micros is None else amount_micros, "currency": "USD",
    }  # fmt: skip


def decided(run: HybridRun, account: str) -> Decision:
    about = {"account": account, "plan": "team_basic", "team_size": TEAM}
    decision = run.decide("select_plan", context=about, options=FITTING, limits=DecideLimits(steps_max=1))  # a caller may tighten: one model call
    need(decision.option in FITTING, f"a decision among {FITTING}, not {decision.stop}")
    return decision


def plan_of(decision: Decision) -> str:
    assert decision.option is not None
    return decision.option


def the_workflow(theatre: Theatre, client: Client) -> None:
    scene(1, "The workflow: read the account, keep the plans that seat 12, let the agent pick, commit the write")
    with client.run(workflow=WORKFLOW, run_id="harbour-1") as run:
        result = activate(run, read=theatre.read, account="harbour", seats=TEAM)
    decision, commit = result.decision, result.commit
    need(commit is not None and commit.succeeded, f"the workflow ends with SUCCEEDED, not {result}")
    assert decision is not None
    assert commit is not None
    tell("decision", f"{decision.option} of {', '.join(FITTING)}   by {decision.source} ({decision.usage.model}, {decision.usage.steps} model call)")
    tell("agent says", decision.rationale or "-")
    tell("evidence", ", ".join(f"{one.tool} ({one.result_bytes} bytes, sha256 {one.result_sha256.hex()[:12]}…)" for one in decision.evidence))
    tell("write", f"{commit.outcome}, run stopped: {result.stop}")
    count(theatre, "harbour", 1)


def count(theatre: Theatre, account: str, expected: int) -> None:
    held = len(theatre.subscriptions(account))
    tell("billing holds", f"{held} subscription{'' if held == 1 else 's'} of {account}")
    need(held == expected, f"{expected} subscriptions of {account}, not {held}")


def the_same_again(theatre: Theatre, client: Client) -> None:
    scene(2, "The same run again, with the same keys: answered from the record")
    for _ in range(2):
        with client.run(workflow=WORKFLOW, run_id="harbour-1") as run:
            again = activate(run, read=theatre.read, account="harbour", seats=TEAM).commit
        need(again is not None and again.succeeded and again.replayed, "a replayed answer")
        assert again is not None
        tell("outcome", f"{again.outcome}, replayed: {again.replayed}")
    count(theatre, "harbour", 1)


def outside_policy(theatre: Theatre, client: Client) -> None:
    scene(3, "A write outside policy: fifty times the price")
    with client.run(workflow=WORKFLOW, run_id="foundry-1") as run:
        decision = decided(run, "foundry")
        asked = payload("foundry", plan_of(decision), amount_micros=50 * PRICE["team_pro"])
        commit = run.commit("activate_plan", step="select_plan", decision=decision, payload=asked)
        show_commit(commit)
        need([one.reason for one in commit.reasons] == [Reason.POLICY_DENIED], "POLICY_DENIED")
    count(theatre, "foundry", 0)


def too_small_a_budget(theatre: Theatre) -> None:
    scene(4, "A budget too small: tenant `tiny` has 50 USD a month")
    with theatre.client("tiny") as client, client.run(workflow=WORKFLOW, run_id="meadow-1") as run:
        decision = decided(run, "meadow")
        commit = run.commit("activate_plan", step="select_plan", decision=decision, payload=payload("meadow", plan_of(decision)))
        show_commit(commit)
        need([one.reason for one in commit.reasons] == [Reason.BUDGET_EXHAUSTED], "BUDGET_EXHAUSTED")
    count(theatre, "meadow", 0)


def outside_the_options(client: Client) -> None:
    scene(5, "An agent that answers outside its options: the rogue model says `platinum`")
    with client.run(workflow=WORKFLOW, run_id="rogue-1") as run:
        decision = run.decide("select_plan_rogue", context={"account": "orchard", "plan": "team_basic", "team_size": TEAM}, options=FITTING)
        tell("decision", f"{decision.status}, stop {decision.stop}, option {decision.option or 'none'}")
        need(decision.option is None, "no option")
        run.finish(stop=RunStop.FAILED, note="no decision")


def halted(theatre: Theatre, client: Client) -> None:
    scene(6, "The kill switch (countersign halt, countersign resume): halted, denied, lifted")
    run = client.run(workflow=WORKFLOW, run_id=HALTED)
    decision = decided(run, "lighthouse")
    with connect_operator(theatre.address("operator")) as operator:
        halt = operator.halt(HaltScope(tenant="acme", action="activate_plan"), reason="prices look wrong").halt
        tell("operator", f"halt {halt.halt_id} on activate_plan of acme")
        denied = run.commit("activate_plan", step="select_plan", decision=decision, payload=payload("lighthouse", plan_of(decision)))
        show_commit(denied)
        need([one.reason for one in denied.reasons] == [Reason.HALTED], "HALTED")
        lifted = operator.resume(halt.halt_id, reason="prices are right")
        tell("operator", f"halt lifted by {lifted.lifted_by}")
    count(theatre, "lighthouse", 0)


def vanished(theatre: Theatre, client: Client) -> None:
    scene(7, "The superseding retry under the same key; billing writes, then vanishes without an answer")
    key = f"{HALTED}/select_plan/activate_plan"
    denied = client.get_commit(key=key)
    decision = decided(client.run(workflow=WORKFLOW, run_id=HALTED), "lighthouse")  # the same question: answered from the record
    theatre.switch(vanish_after_writing={"times": 1})
    commit = client.commit(
        key=key, supersedes=denied.commit_id, run_id=HALTED, workflow=WORKFLOW, step="select_plan", action="activate_plan",
        decision=decision, payload=payload("lighthouse", plan_of(decision)),
    )  # fmt: skip
    tell("retry", f"generation {commit.generation} of the key, supersedes {denied.commit_id}")
    show_commit(commit)
    need(commit.generation == 2, "a second generation")
    need(commit.outcome is Outcome.UNKNOWN and any(one.held for one in commit.budgets), "UNKNOWN, money held")
    out.print("   [dim]the reconciler asks billing what came of the key …[/]")
    settled = client.wait_commit(commit_id=commit.commit_id)
    show_commit(settled)
    need(settled.outcome is Outcome.SUCCEEDED, "reconciled to SUCCEEDED")
    client.run(workflow=WORKFLOW, run_id=HALTED).conclude(settled)
    count(theatre, "lighthouse", 1)


def the_trace(theatre: Theatre) -> None:
    scene(8, f"The trace, as an auditor reads it: countersign run show {HALTED}")
    words = [str(Path(sys.executable).with_name("countersign")), "run", "show", HALTED, "--tenant", "acme"]
    done = subprocess.run([*words, "--gateway", theatre.address("operator")], capture_output=True, text=True, timeout=30, check=False)
    need(done.returncode == 0, f"countersign run show: exit {done.returncode}: {done.stderr.strip()}")
    out.print(done.stdout, markup=False)


def main() -> int:
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="countersign-demo-") as folder, Theatre(Path(folder)) as theatre:
        out.print(Panel("Countersign: the agent proposes, the workflow disposes, the gateway countersigns.", expand=False))
        out.print("[dim]starting billing, a local model, a rogue model, and the gateway with its OPA …[/]")
        try:
            theatre.start()
            with theatre.client() as client:
                play(theatre, client)
        except NotReady as missing:
            out.print(f"{missing}", markup=False)
            return 1
        except NotAsSaid as missed:
            out.print(f"[bold red]This is not what the demo was to show: {missed}[/]")
            return 1
    out.print(f"\n[green]Everything above was real, and is gone now ({time.monotonic() - began_s:.1f} s).[/] Where to go next:")
    for label, where in (
        ("workflow", "examples/subscription/workflow.py, and the same in Go: examples/subscription/go"),
        ("governed by", "examples/subscription/activation/boundary.yaml, policies/"),
        ("play with it", "make serve (settings: examples/subscription/settings.yaml)"),
        ("read on", "gateway/service/commit.py"),
    ):
        tell(label, where)
    return 0


def play(theatre: Theatre, client: Client) -> None:
    scenes: tuple[Callable[[], None], ...] = (
        lambda: the_workflow(theatre, client),
        lambda: the_same_again(theatre, client),
        lambda: outside_policy(theatre, client),
        lambda: too_small_a_budget(theatre),
        lambda: outside_the_options(client),
        lambda: halted(theatre, client),
        lambda: vanished(theatre, client),
        lambda: the_trace(theatre),
    )
    for one in scenes:
        one()


if __name__ == "__main__":
    assert ROOT.is_dir()
    sys.exit(main())
