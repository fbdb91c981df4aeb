"""budget show: what is held, settled and left."""

from typing import Annotated

import typer

from gateway.cli.line import TIMEOUT_S, Gateway, Json, Tenant, Timeout, TokenFile, operator
from gateway.cli.screen import amount, show_json, show_table

app = typer.Typer(no_args_is_help=True, help="Budgets and what is left of them.")


@app.callback()
def budgets() -> None:
    """Budgets and what is left of them."""


@app.command(epilog="Example: countersign budget show --tenant acme")
def show(
    gateway: Gateway = "",
    tenant: Tenant = "",
    workflow: Annotated[str, typer.Option("--workflow", metavar="NAME", help="Only of this workflow and its runs.")] = "",
    token_file: TokenFile = None,
    timeout: Timeout = TIMEOUT_S,
    json: Json = False,
) -> None:
    """Every budget that has moved or has a limit, in its current window."""
    with operator(gateway, token_file, timeout) as client:
        found = client.budgets(tenant=tenant, workflow=workflow)
    if json:
        show_json({"budgets": found})
        return
    rows = [
        (
            one.level,
            one.scope,
            one.ledger,
            one.window,
            *(amount(quantity, one.currency) for quantity in (one.held, one.settled, one.left, one.limit)),
        )
        for one in found
    ]
    show_table(("level", "of", "ledger", "window", "held", "settled", "left", "limit"), rows, nothing="No budget has moved.")
