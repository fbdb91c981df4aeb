"""run show: what happened in a run, in order."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gateway.cli.line import TIMEOUT_S, Gateway, Json, Tenant, Timeout, TokenFile, operator
from gateway.cli.screen import console, say, show_json
from gateway.cli.story import Line, tell

app = typer.Typer(no_args_is_help=True, help="Executions of workflows.")


@app.callback()
def runs() -> None:
    """Executions of workflows."""


@app.command(epilog="Example: countersign run show r-12 --tenant acme")
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The workflow's own id of the run.")],
    gateway: Gateway = "",
    workflow: Annotated[str, typer.Option("--workflow", metavar="NAME", help="Its workflow, where two share a run id.")] = "",
    tenant: Tenant = "",
    token_file: TokenFile = None,
    timeout: Timeout = TIMEOUT_S,
    json: Json = False,
) -> None:
    """Tell a run from beginning to end: classified, routed, decided, committed, verified, stopped; with the reasons."""
    with operator(gateway, token_file, timeout) as client:
        trace = client.inspect_run(run_id=run, workflow=workflow, tenant=tenant)
    if json:
        show_json(trace)
        return
    story = tell(trace)
    for line in story.head:
        say(line)
    table = Table("after", "stage", "step", "what happened", box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for one in story.lines:
        table.add_row(*_row(one))
    if story.lines:
        console().print(table)
    for line in story.foot:
        say(line)


def _row(line: Line) -> tuple[Text, Text, Text, Text]:
    return Text(f"{line.after_ms / 1000:.3f} s"), Text(line.stage), Text(line.step), Text("\n".join(line.told))
