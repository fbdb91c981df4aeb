"""budget show: what is held, settled and left, and what is over."""

from typing import Annotated

import typer

from countersign import BudgetMovement
from gateway.cli.line import TIMEOUT_S, Gateway, Json, Tenant, Timeout, TokenFile, operator
from gateway.cli.screen import amount, moment, show_json, show_table

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
    """Every budget that has moved or has a limit, in its newest window.

    `over` is by how much it is overdrawn: a model's bill above what was held for it, or a limit that was lowered. Nothing more is admitted there.
    """
    with operator(gateway, token_file, timeout) as client:
        found = client.budgets(tenant=tenant, workflow=workflow)
    if json:
        show_json({"budgets": found})
        return
    rows = [
        (
            one.level,
            one.scope if one.level == "tenant" else f"{one.tenant}/{one.scope}",
            one.ledger,
            *(amount(quantity, one.currency) for quantity in (one.held, one.settled, one.left, one.limit)),
            _over(one),
            one.window,
            moment(one.window_start_time),
            moment(one.reset_time),
        )
        for one in found
    ]
    show_table(("level", "of", "ledger", "held", "settled", "left", "limit", "over", "window", "since", "resets"), rows, nothing="No budget has moved.")


def _over(one: BudgetMovement) -> str:
    return amount(-one.left, one.currency) if one.left < 0 else "-"
