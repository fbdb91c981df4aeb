"""halt, resume, halts: the kill switch."""

from typing import Annotated

import typer

from countersign.operator import HaltRecord, HaltScope
from gateway.cli.line import TIMEOUT_S, Gateway, Json, Timeout, TokenFile, operator
from gateway.cli.screen import amount, moment, plain, say, show_json, show_table

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for whoever reads it later; 1 to 500 characters.")]


def halt(
    reason: Reason,
    gateway: Gateway = "",
    tenant: Annotated[str, typer.Option("--tenant", metavar="NAME", help="Only this tenant.")] = "",
    workflow: Annotated[str, typer.Option("--workflow", metavar="NAME", help="Only this workflow.")] = "",
    step: Annotated[str, typer.Option("--step", metavar="NAME", help="Only this step.")] = "",
    action: Annotated[str, typer.Option("--action", metavar="NAME", help="Only this action.")] = "",
    target: Annotated[str, typer.Option("--target", metavar="NAME", help="Only writes to this target.")] = "",
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="Only thinking with this model.")] = "",
    run: Annotated[str, typer.Option("--run", metavar="RUN", help="Only this run of the workflow named.")] = "",
    everything: Annotated[bool, typer.Option("--everything", help="All of it; needed when nothing else is named.")] = False,
    token_file: TokenFile = None,
    timeout: Timeout = TIMEOUT_S,
    json: Json = False,
) -> None:
    """Throw the kill switch on a scope. After it returns, nothing in that scope is admitted.

    Everything named must match. What is in flight already goes on, and is counted in the answer.
    """
    scope = HaltScope(tenant=tenant, workflow=workflow, step=step, action=action, target=target, model=model, run_id=run)
    if (scope == HaltScope()) != everything:
        raise typer.BadParameter("name what to halt (--tenant, --workflow, --step, --action, --target, --model, --run), or say --everything and nothing else")
    with operator(gateway, token_file, timeout) as client:
        thrown = client.halt(scope, reason=reason)
    if json:
        show_json({"halt_id": thrown.halt.halt_id, **{name: getattr(thrown, name) for name in ("halt", "in_flight", "unknown", "thinking", "held")}})
        return
    say(f"halted {_scope(thrown.halt)} as {plain(thrown.halt.halt_id)}")
    say(f"under way at that instant: {thrown.in_flight} in flight, {thrown.unknown} unknown, {thrown.thinking} thinking")
    for one in thrown.held:
        say(f"held by them: {amount(one.held, one.currency)} of {plain(one.ledger)}")
    say(f"lift it with: countersign resume {plain(thrown.halt.halt_id)} --reason …")


def resume(
    halt_id: Annotated[str, typer.Argument(metavar="HALT", help="Its id, from `countersign halts`.")],
    reason: Reason,
    gateway: Gateway = "",
    token_file: TokenFile = None,
    timeout: Timeout = TIMEOUT_S,
    json: Json = False,
) -> None:
    """Lift one halt. What it had denied stays denied; a retry that supersedes it is admitted again."""
    with operator(gateway, token_file, timeout) as client:
        lifted = client.resume(halt_id, reason=reason)
    if json:
        show_json(lifted)
    else:
        say(f"lifted {plain(lifted.halt_id)} on {_scope(lifted)}")


def halts(
    gateway: Gateway = "",
    include_lifted: Annotated[bool, typer.Option("--all", help="Lifted ones too.")] = False,
    token_file: TokenFile = None,
    timeout: Timeout = TIMEOUT_S,
    json: Json = False,
) -> None:
    """What is halted, active ones first."""
    with operator(gateway, token_file, timeout) as client:
        found = client.halts(include_lifted=include_lifted)
    if json:
        show_json({"halts": found})
        return
    rows = [(one.halt_id, _scope(one), one.reason, one.principal, moment(one.create_time), _lifted(one)) for one in found]
    show_table(("halt", "covers", "why", "by", "since", "lifted"), rows, nothing="Nothing is halted.")


def _scope(halt: HaltRecord) -> str:
    named = {"tenant": halt.scope.tenant, "workflow": halt.scope.workflow, "step": halt.scope.step, "action": halt.scope.action}
    named |= {"target": halt.scope.target, "model": halt.scope.model, "run": halt.scope.run_id}
    return plain(" ".join(f"{name}={value}" for name, value in named.items() if value)) or "everything"


def _lifted(halt: HaltRecord) -> str:
    return f"{moment(halt.lift_time)} by {halt.lifted_by}" if halt.lift_time else "-"
