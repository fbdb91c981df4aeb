"""The command as a whole: every group in its place, and how it ends."""

import typer

from gateway.cli import activation, boundary, budget, commits, decide, halts, host, model, opa, policy, run, serving, store, tools
from gateway.cli.exits import EPILOG

app = typer.Typer(
    name="countersign",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)


@app.callback()
def countersign() -> None:
    """The agent proposes, the workflow disposes, the gateway countersigns."""


app.command(epilog="Example: countersign serve --settings settings.yaml")(serving.serve)
app.command(epilog="Example: countersign demo")(serving.demo)
app.add_typer(run.app, name="run")
app.add_typer(commits.app, name="commits")
app.command(epilog="Example: countersign halt --tenant acme --action activate_plan --reason 'prices look wrong'")(halts.halt)
app.command(epilog="Example: countersign resume h-1 --reason 'prices are right'")(halts.resume)
app.command(epilog="Example: countersign halts --all")(halts.halts)
app.add_typer(budget.app, name="budget")
app.add_typer(host.app, name="host")
app.add_typer(activation.app, name="activation")
app.add_typer(policy.app, name="policy")
app.add_typer(boundary.app, name="boundary")
app.add_typer(tools.app, name="tools")
app.add_typer(model.app, name="model")
app.add_typer(decide.app, name="decide")
app.add_typer(opa.app, name="opa")
app.add_typer(store.app, name="store")
app.command(epilog="Example: countersign version --json")(serving.version)
