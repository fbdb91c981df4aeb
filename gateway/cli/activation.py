"""activation show: the law in force."""

from typing import Annotated

import typer

from gateway.cli.line import TIMEOUT_S, Gateway, Json, Timeout, TokenFile, operator
from gateway.cli.screen import moment, plain, say, show_json

app = typer.Typer(no_args_is_help=True, help="Boundary, policies, limits and prices, under one revision.")


@app.callback()
def activations() -> None:
    """Boundary, policies, limits and prices, under one revision."""


@app.command(epilog="Example: countersign activation show --boundary")
def show(
    gateway: Gateway = "",
    boundary: Annotated[bool, typer.Option("--boundary", help="The boundary file as it was loaded, too.")] = False,
    token_file: TokenFile = None,
    timeout: Timeout = TIMEOUT_S,
    json: Json = False,
) -> None:
    """The activation in force: its number, revision and digest."""
    with operator(gateway, token_file, timeout) as client:
        found = client.activation()
    if json:
        show_json(found)
        return
    say(f"activation {found.number}, revision {plain(found.revision)}, since {moment(found.create_time)}")
    say(f"digest {found.digest.hex()}")
    if boundary and not found.boundary_yaml:
        say("the boundary file has every tenant's budgets: a listener that serves every tenant shows it")
    if boundary:
        for line in found.boundary_yaml.decode("utf-8", errors="backslashreplace").splitlines():
            say(plain(line))
