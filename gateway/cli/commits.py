"""commits list, show, reconcile, resolve: governed writes and what came of them."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from pydantic_core import PydanticCustomError

from countersign import Commit, Outcome
from gateway.cli.exits import Ends, end
from gateway.cli.line import TIMEOUT_S, Gateway, Json, Tenant, Timeout, TokenFile, operator
from gateway.cli.screen import moment, plain, say, show_json, show_table
from gateway.cli.words import budget_line, host_line, outcome_line, reason_lines
from gateway.declared.kinds import duration_ms

app = typer.Typer(no_args_is_help=True, help="Governed writes and what came of them.")


class Found(StrEnum):
    """What an operator may have seen at the host."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Listed(StrEnum):
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    DENIED = "DENIED"
    UNKNOWN = "UNKNOWN"
    IN_PROGRESS = "IN_PROGRESS"


@app.command("list", epilog="Example: countersign commits list --outcome UNKNOWN")
def list_commits(
    gateway: Gateway = "",
    tenant: Tenant = "",
    outcome: Annotated[Listed | None, typer.Option("--outcome", case_sensitive=False, help="Only these.")] = None,
    workflow: Annotated[str, typer.Option("--workflow", metavar="NAME", help="Only of this workflow.")] = "",
    older_than: Annotated[str, typer.Option("--older-than", metavar="DURATION", help="Only those admitted longer ago, like 15m, 2h or 7d.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="At most so many.")] = 50,
    page: Annotated[str, typer.Option("--page", metavar="TOKEN", help="Where the page before ended.")] = "",
    token_file: TokenFile = None,
    timeout: Timeout = TIMEOUT_S,
    json: Json = False,
) -> None:
    """Commits, newest first. UNKNOWN ones are those somebody should look at."""
    asked = None if outcome is None else Outcome(outcome.value)
    created_before = _ago(older_than) if older_than else None
    with operator(gateway, token_file, timeout) as client:
        found = client.list_commits(
            tenant=tenant, outcome=asked, workflow=workflow, created_before=created_before, page_size=limit, page_token=page
        )  # fmt: skip
    if json:
        show_json(found)
        return
    rows = [
        (
            one.commit_id,
            one.outcome.value,
            " ".join(reason.reason.value for reason in one.reasons),
            one.workflow,
            one.run_id,
            one.action,
            moment(one.create_time),
        )
        for one in found.commits
    ]
    nothing = "None on this page." if found.next_page_token else "There is no such commit."
    show_table(("commit", "outcome", "reasons", "workflow", "run", "action", "since"), rows, nothing=nothing)
    if found.next_page_token:
        say(f"more: --page {plain(found.next_page_token)}")


@app.command(epilog="Example: countersign commits show --key r-12/select_plan/activate_plan --tenant acme")
def show(
    commit: Annotated[str, typer.Argument(metavar="COMMIT", help="Its id.")] = "",
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="Or its idempotency key: the latest generation.")] = "",
    gateway: Gateway = "",
    tenant: Tenant = "",
    token_file: TokenFile = None,
    timeout: Timeout = TIMEOUT_S,
    json: Json = False,
) -> None:
    """One commit: what was asked, what judged it, what it holds, what the host said."""
    if bool(commit) == bool(key):
        raise typer.BadParameter("name one commit, by its id or by --key")
    with operator(gateway, token_file, timeout) as client:
        found = client.inspect_commit(commit_id=commit or None, key=key or None, tenant=tenant)
    if json:
        show_json(found)
        return
    for line in _told(found):
        say(line)


@app.command(epilog="Example: countersign commits reconcile c-1")
def reconcile(
    commit: Annotated[str, typer.Argument(metavar="COMMIT", help="Its id.")],
    gateway: Gateway = "",
    token_file: TokenFile = None,
    timeout: Timeout = 60.0,
    json: Json = False,
) -> None:
    """Ask the host of an UNKNOWN commit now, in the way its target declares: by a query, or by sending it again under its key.

    Exit code 1 when it is still UNKNOWN afterwards: the host could not say, or cannot be asked.
    """
    with operator(gateway, token_file, timeout) as client:
        found = client.reconcile_commit(commit)
    if json:
        show_json(found)
    else:
        say(f"{plain(found.commit.commit_id)} is {outcome_line(found.commit)}" + ("" if found.asked else "; nobody was asked"))
    if found.commit.outcome is Outcome.UNKNOWN:
        raise typer.Exit(int(Ends.NO))


@app.command(epilog="Example: countersign commits resolve c-1 --outcome SUCCEEDED --evidence 'billing shows order 17 for this key'")
def resolve(
    commit: Annotated[str, typer.Argument(metavar="COMMIT", help="Its id.")],
    outcome: Annotated[Found, typer.Option("--outcome", case_sensitive=False, help="What really happened at the host.")],
    evidence: Annotated[str, typer.Option("--evidence", metavar="TEXT", help="What was seen there; 1 to 2,000 characters, kept with the record.")],
    gateway: Gateway = "",
    token_file: TokenFile = None,
    timeout: Timeout = TIMEOUT_S,
    json: Json = False,
) -> None:
    """Settle an UNKNOWN commit by hand, once somebody has looked at the host.

    SUCCEEDED charges what it holds; FAILED releases it and frees its decision. It cannot be taken back.
    """
    if not evidence.strip():
        end(Ends.INPUT, "no evidence is given", "Write what was seen at the host with --evidence.")
    with operator(gateway, token_file, timeout) as client:
        found = client.resolve_commit(commit_id=commit, outcome=Outcome(outcome.value), evidence=evidence)
    if json:
        show_json(found)
    else:
        say(f"{plain(found.commit_id)} is {found.outcome}")


def _ago(span: str) -> datetime:
    try:
        return datetime.now(UTC) - timedelta(milliseconds=duration_ms(span))
    except PydanticCustomError:
        raise typer.BadParameter("write a whole number and its unit, like 15m, 2h or 7d", param_hint="--older-than") from None


def _told(commit: Commit) -> list[str]:
    told = [
        f"commit     {plain(commit.commit_id)}  (generation {commit.generation} of key {plain(commit.idempotency_key)})",
        f"run        {plain(commit.run_id)} of {plain(commit.workflow)}, step {plain(commit.step)}",
        f"write      {plain(commit.action)} to {plain(commit.target)}" + (f", carried by decision {plain(commit.decision_id)}" if commit.decision_id else ""),
        f"verdict    {plain(commit.verdict_id) or 'none was asked for'}, under {plain(commit.activation_revision)} (activation {commit.activation_number})",
        f"outcome    {outcome_line(commit)}",
    ]
    told += [f"reason     {line}" for line in reason_lines(commit.reasons)]
    told += [f"host       {line}" for line in host_line(commit)]
    told += [f"budget     {budget_line(one)}" for one in commit.budgets]
    told.append(f"times      admitted {moment(commit.create_time)}, ended {moment(commit.end_time)}")
    told.append(f"record     {commit.entry_hash.hex()}")
    return told
