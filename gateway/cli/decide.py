"""decide try, decide eval: a step of the boundary, thought through from the shell.

1. Nothing is written to any ledger and no gateway is asked: the boundary, the settings, the models and the tools are all there is. They are
   real: a model's tokens are paid for, a tool's server is read. The decide policy is not asked.
2. A file or inline JSON: what begins with `{` is the context itself, anything else names its file.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from gateway.adapters.activation import ActivationRefused, load_activation
from gateway.cli.cases import read_cases, read_goal, read_text
from gateway.cli.exits import Ends, end
from gateway.cli.line import Json
from gateway.cli.model import settings_in
from gateway.cli.rehearsed import Screen, assessments_told, played_told, show_concluded
from gateway.cli.screen import complain, console, show_json
from gateway.config import Settings
from gateway.domain.boundary import Activation, Mode
from gateway.domain.refusal import Refusal
from gateway.domain.thinking import Earlier
from gateway.service.assess import Assessed, Case, Played, Variant, assess, compare
from gateway.service.rehearse import Rehearsal, Scene

app = typer.Typer(no_args_is_help=True, help="A step, thought through from the shell.")

SettingsFile = Annotated[Path, typer.Option("--settings", metavar="FILE", help="The gateway's settings file: its activation, models and tools are used.")]
Workflow = Annotated[str, typer.Option("--workflow", metavar="NAME", help="Its workflow, where two have a step of this name.")]
Tenant = Annotated[str, typer.Option("--tenant", metavar="NAME", help="Whose run it would be; else the first of the boundary.")]
Found = TypeVar("Found")


@app.callback()
def decisions() -> None:
    """A step, thought through from the shell."""


@app.command("try", epilog='Example: countersign decide try select_plan --context \'{"account": "harbour", "team_size": 12}\' --settings settings.yaml')
def try_command(
    step: Annotated[str, typer.Argument(metavar="STEP", help="An agentic step of the boundary.")],
    context: Annotated[str, typer.Option("--context", metavar="JSON|FILE", help="The context: JSON that begins with {, or its file.")],
    settings: SettingsFile,
    workflow: Workflow = "",
    tenant: Tenant = "",
    options: Annotated[str, typer.Option("--options", metavar="A,B", help="Only these of its options.")] = "",
    model: Annotated[list[str] | None, typer.Option("--model", metavar="NAME", help="This model instead of the step's; again for the next in order.")] = None,
    earlier: Annotated[list[str] | None, typer.Option("--earlier", metavar="STEP=OPTION", help="A decision made before in the run; again for another.")] = None,
    json: Json = False,
) -> None:
    """Run a step against its model, and see each question, tool call and answer, the schema, and what it cost. Nothing is recorded."""
    declared = settings_in(settings)
    law = _law(declared)
    scene = Scene(
        tenant=tenant or next(iter(law.boundary.tenants)), workflow=_workflow_of(law, step, workflow), step=step, context=read_text(context),
        options=tuple(one for one in options.split(",") if one), models=_models(declared, model), earlier=tuple(_earlier(one) for one in earlier or []),
    )  # fmt: skip
    screen = Screen(quiet=json)
    concluded = _rehearsed(declared, law, lambda rehearsal: rehearsal.play(scene, screen.hear))
    if isinstance(concluded, Refusal):
        end(Ends.INPUT, f"{concluded.reason}: {concluded.message}")
    if json:
        show_json({"concluded": concluded, "transcript": screen.parts})
    else:
        limits = law.boundary.workflows[scene.workflow].steps[step].limits
        assert limits is not None, "an agentic step has limits"
        show_concluded(concluded, limits)
    if not concluded.option:
        raise typer.Exit(Ends.NO)


@app.command("eval", epilog="Example: countersign decide eval cases.jsonl --step select_plan --settings settings.yaml --min-accuracy 0.9")
def eval_command(
    cases: Annotated[Path, typer.Argument(metavar="CASES", help='JSON lines: {"context": {…}, "expected": "team_pro"}; null: it should abstain.')],
    step: Annotated[str, typer.Option("--step", metavar="STEP", help="The agentic step they are for.")],
    settings: SettingsFile,
    workflow: Workflow = "",
    tenant: Tenant = "",
    model: Annotated[list[str] | None, typer.Option("--model", metavar="NAME", help="This model instead of the step's; again to compare two.")] = None,
    goal: Annotated[list[str] | None, typer.Option("--goal", metavar="TEXT|FILE", help="This goal beside the step's own, to compare them.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most this many cases.")] = 100_000,
    min_accuracy: Annotated[
        float, typer.Option("--min-accuracy", metavar="SHARE", min=0.0, max=1.0, help="Exit with 1 where a variant is right less often, 0 to 1.")
    ] = 0.0,
    json: Json = False,
) -> None:
    """Put a labelled set through a step: how often it is right, abstains, stops; what it costs, how long it takes; each with its interval."""
    declared = settings_in(settings)
    law = _law(declared)
    found = read_cases(cases)[:limit]
    of = _workflow_of(law, step, workflow)
    variants = _variants(_models(declared, model), [read_goal(one) for one in goal or []])
    whose = tenant or next(iter(law.boundary.tenants))

    async def assessed(rehearsal: Rehearsal) -> list[Assessed] | Refusal:
        done: list[Assessed] = []
        for variant in variants:
            told = _progress(variant, found)
            one = await assess(rehearsal, found, variant, tenant=whose, workflow=of, step=step, told=told)
            if isinstance(one, Refusal):
                return one
            done.append(one)
        return done

    results = _rehearsed(declared, law, assessed)
    if isinstance(results, Refusal):
        end(Ends.INPUT, f"{results.reason}: {results.message}")
    compared = [compare(results[0], other) for other in results[1:]]
    if json:
        show_json({"variants": results, "compared": compared, "min_accuracy": min_accuracy})
    else:
        limits = law.boundary.workflows[of].steps[step].limits
        assessments_told(results, compared, currency=limits.spend_currency if limits else "")
    if any(one.accuracy.value < min_accuracy for one in results):
        raise typer.Exit(Ends.NO)


def _rehearsed(declared: Settings, law: Activation, work: Callable[[Rehearsal], Coroutine[Any, Any, Found]]) -> Found:
    """Runs `work` with the models and tools of the settings, and closes them."""
    from gateway.adapters.agent_runner import AgentRunner  # noqa: PLC0415 - see above
    from gateway.adapters.system import SystemClock, SystemIds  # noqa: PLC0415 - as above
    from gateway.app.parts import model_spec, tool_specs  # noqa: PLC0415 - as above

    async def rehearsed() -> Found:
        runner: AgentRunner = AgentRunner({name: model_spec(name, one) for name, one in declared.models.items()}, tool_specs(declared))
        try:
            return await work(Rehearsal(activation=law, thinker=runner, clock=SystemClock(), ids=SystemIds()))
        finally:
            await runner.close()

    return asyncio.run(rehearsed())


def _law(declared: Settings) -> Activation:
    """The boundary as the gateway would read it, without its policies: they are not asked here."""
    try:
        return load_activation(
            declared.activation.path, targets=declared.targets, tools=[*declared.readable], models=[*declared.models], policy_codes=frozenset(),
            prefetchable=declared.prefetchable, tenants=declared.tenants,
        )  # fmt: skip
    except ActivationRefused as refused:
        end(Ends.INPUT, str(refused))


def _workflow_of(law: Activation, step: str, named: str) -> str:
    agentic = {name: [one.name for one in workflow.steps.values() if one.mode is Mode.AGENTIC] for name, workflow in law.boundary.workflows.items()}
    having = [name for name, steps in agentic.items() if step in steps and named in {"", name}]
    if not having:
        there = ", ".join(f"{name}/{one}" for name, steps in agentic.items() for one in steps) or "none"
        end(Ends.INPUT, f"no agentic step {step}{f' in {named}' if named else ''}", f"Agentic steps: {there}.")
    if len(having) > 1:
        end(Ends.INPUT, f"{step} is a step of {', '.join(having)}", "Say which with --workflow.")
    return having[0]


def _models(declared: Settings, named: list[str] | None) -> tuple[str, ...]:
    for name in named or []:
        if name not in declared.models:
            end(Ends.INPUT, f'no model "{name}" in the settings', f"Declared there: {', '.join(declared.models) or 'none'}.")
    return tuple(named or ())


def _earlier(written: str) -> Earlier:
    step, _, option = written.partition("=")
    if not step or not option:
        end(Ends.INPUT, f"no earlier decision: {written}", "Write it like triage=billing.")
    return Earlier(step=step, option=option, source="AGENT")


def _variants(models: tuple[str, ...], goals: list[str]) -> list[Variant]:
    """Every model with every goal, the step's own first."""
    return [
        Variant(name=" ".join(part for part in (model or "declared", f"goal {number}" if number else "") if part), models=(model,) if model else (), goal=goal)
        for model in models or ("",)
        for number, goal in enumerate(["", *goals])
    ]


def _progress(variant: Variant, cases: list[Case]) -> Callable[[Played], None]:
    """Each case as it is done, on standard error: a line of its own on a terminal, every tenth else."""
    done = [0]
    every = 1 if console(error=True).is_terminal else max(1, len(cases) // 10)

    def told(played: Played) -> None:
        done[0] += 1
        if done[0] % every == 0 or done[0] == len(cases):
            complain(f"{variant.name}: {done[0]} of {len(cases)}  {played_told(played)}")

    return told
