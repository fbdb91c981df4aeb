"""boundary check: does this activation folder hold together?"""

from pathlib import Path
from typing import Annotated

import typer

from gateway.adapters.activation import ActivationRefused, load_activation
from gateway.adapters.opa.check import prepare
from gateway.adapters.opa.command import OpaBroken
from gateway.adapters.opa.findings import PoliciesRefused
from gateway.cli.exits import Ends, end
from gateway.cli.line import Json
from gateway.cli.opa import opa_at_hand
from gateway.cli.screen import complain, counted, plain, say, show_json
from gateway.config import Settings, SettingsRefused, load
from gateway.domain.boundary import Activation, Mode

app = typer.Typer(no_args_is_help=True, help="The boundary: what is deterministic, agentic, free or gated.")


@app.callback()
def boundaries() -> None:
    """The boundary: what is deterministic, agentic, free or gated."""


@app.command("check", epilog="Example: countersign boundary check activation --settings settings.yaml")
def check_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The activation folder: boundary.yaml, schemas/, policies/.")],
    settings: Annotated[Path | None, typer.Option("--settings", metavar="FILE", help="Check names against these settings, and the policies too.")] = None,
    json: Json = False,
) -> None:
    """Read the boundary and its schemas as the gateway would, and say everything that is wrong, with line and remedy.

    With --settings also whether its targets, tools, models and tenants are declared there, and whether the policies can be enforced.
    """
    findings: list[object] = []
    activation: Activation | None = None
    try:
        activation = _checked(folder, settings)
    except (ActivationRefused, PoliciesRefused) as refused:
        findings = list(refused.findings)
    except SettingsRefused as refused:
        end(Ends.INPUT, str(refused))
    except OpaBroken as broken:
        end(Ends.NO, str(broken), "Run `countersign opa install`.")
    if json:
        show_json({"findings": findings, "revision": activation.revision if activation else "", "digest": activation.digest if activation else b""})
    else:
        _tell(activation, findings, named=settings is not None)
    if findings:
        raise typer.Exit(Ends.NO)


def _checked(folder: Path, file: Path | None) -> Activation:
    if file is None:
        return load_activation(folder, targets=None, tools=None, models=None, policy_codes=frozenset())
    return _under(load(file), folder)


def _under(settings: Settings, folder: Path) -> Activation:
    from gateway.app import parts  # noqa: PLC0415 - the whole house takes a second to load, and only this needs it

    there = settings.model_copy(update={"activation": settings.activation.model_copy(update={"path": folder})})
    prepared = prepare(parts.policy_layers(there), opa=opa_at_hand(settings))
    return load_activation(
        folder,
        targets=settings.targets,
        tools=[*settings.readable],
        models=[*settings.models],
        policy_codes=prepared.codes,
        policies_digest=prepared.digest,
        prefetchable=settings.prefetchable,
        tenants=settings.tenants,
        named=prepared.named,
    )


def _tell(activation: Activation | None, findings: list[object], *, named: bool) -> None:
    for finding in findings:
        complain(str(finding))
    if activation is None:
        say(counted(len(findings), "finding"))
        return
    steps = [step for workflow in activation.boundary.workflows.values() for step in workflow.steps.values()]
    agentic = sum(step.mode is Mode.AGENTIC for step in steps)
    boundary = activation.boundary
    counts = f"{counted(len(boundary.workflows), 'workflow')}, {counted(len(steps), 'step')} ({agentic} agentic), {counted(len(boundary.actions), 'action')}"
    say(f"holds together: {counts}; revision {plain(activation.revision)}")
    if not named:
        say("targets, tools, models and policies were not looked at: give --settings for that")
