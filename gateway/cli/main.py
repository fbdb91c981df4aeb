"""The command as a whole: every group in its place, and how it ends.

1. A command is imported when it is asked for: what halts a gateway does not wait for what thinks, judges or stores.
"""

from importlib import import_module
from types import ModuleType
from typing import Final

import typer

from gateway.cli.exits import EPILOG

COMMANDS: Final = {  # name, which is also the function's: module, example
    "serve": ("serving", "countersign serve --settings settings.yaml"),
    "demo": ("serving", "countersign demo"),
    "halt": ("halts", "countersign halt --tenant acme --action activate_plan --reason 'prices look wrong'"),
    "resume": ("halts", "countersign resume h-1 --reason 'prices are right'"),
    "halts": ("halts", "countersign halts --all"),
    "version": ("serving", "countersign version --json"),
}
GROUPS: Final = (  # modules with an `app`
    "run", "commits", "budget", "ledger", "host", "activation", "policy", "boundary", "tools", "model", "decide", "opa", "store",
)  # fmt: skip


def command_line(asked: str = "") -> typer.Typer:
    """The command with everything in it; where `asked` names one of its commands or groups, with that one alone."""
    known = asked in COMMANDS or asked in GROUPS
    whole = typer.Typer(
        name="countersign",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=EPILOG,
    )
    whole.callback()(countersign)
    for name, (module, example) in COMMANDS.items():
        if not known or name == asked:
            whole.command(name, epilog=f"Example: {example}")(getattr(_module(module), name))
    for name in GROUPS:
        if not known or name == asked:
            whole.add_typer(_module(name).app, name=name)
    return whole


def countersign() -> None:
    """The agent proposes, the workflow disposes, the gateway countersigns."""


def _module(name: str) -> ModuleType:
    return import_module(f"gateway.cli.{name}")
