"""Names that policy data takes from the boundary: each has to be declared there, or a rule would look for it in vain and say nothing.

A calendar of an action that does not exist is the worst of them: the action that was meant may then be committed at any time.
"""

from collections.abc import Collection, Iterable, Iterator

from gateway.adapters.activation import shape
from gateway.declared.findings import Finding, nearest
from gateway.declared.naming import Named


def unknown(boundary: shape.Boundary, named: Iterable[Named]) -> Iterator[Finding]:
    for one in named:
        known = _known(boundary, one)
        if known is not None and one.name not in known:
            at = f"{one.place}: " if one.place else ""
            whose = f' of workflow "{one.within["workflow"]}"' if one.kind == "step" else ""
            message = f'{at}the {one.kind} "{one.name[:64]}"{whose} is not in boundary.yaml, so this would never be used'
            yield Finding(
                file=one.file,
                line=one.line,
                column=1 if one.line else 0,
                message=message,
                write=f"Declare it there, or take it out here. {nearest(one.name, known)}",
            )


def _known(boundary: shape.Boundary, one: Named) -> Collection[str] | None:
    """What may stand there; None where the boundary has no say, or where what it stands under is unknown itself."""
    match one.kind:
        case "tenant":
            return boundary.tenants
        case "workflow":
            return boundary.workflows
        case "action":
            return boundary.actions
        case "step":
            workflow = boundary.workflows.get(one.within.get("workflow", ""))
            return workflow.steps if workflow else None
        case "option":
            return sorted({option for workflow in boundary.workflows.values() for step in workflow.steps.values() for option in step.options})
        case _:
            return None
