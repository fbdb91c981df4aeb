"""Names that policy data takes from the boundary: what is not declared there refuses the activation, at its line."""

from pathlib import Path

import pytest

from gateway.adapters.activation import load_activation
from gateway.adapters.activation.loading import ActivationRefused
from gateway.declared.naming import Named


def named(kind: str, name: str, **within: str) -> Named:
    return Named(kind=kind, name=name, within=within, place=f"/some/{name}", file="tenants/acme/data.yaml", line=7)


def refusals(folder: Path, *names: Named) -> list[str]:
    try:
        load_activation(folder, targets=None, tools=None, models=None, policy_codes=frozenset(), named=names)
    except ActivationRefused as refused:
        return [str(one) for one in refused.findings]
    return []


@pytest.mark.parametrize(
    ("one", "write"),
    [
        (named("action", "activate_plann"), 'Did you mean "activate_plan"?'), (named("workflow", "activat"), 'Did you mean "activate"?'),
        (named("option", "proo"), 'Did you mean "pro"?'), (named("tenant", "acmee"), 'Did you mean "acme"?'),
        (named("step", "selekt", workflow="activate"), 'Did you mean "select"?'),
    ],
)  # fmt: skip
def test_what_the_boundary_does_not_declare_is_refused(folder: Path, one: Named, write: str) -> None:
    """File, line, what was seen, what to write."""
    whose = ' of workflow "activate"' if one.kind == "step" else ""

    [said] = refusals(folder, one)

    assert said.startswith(f'tenants/acme/data.yaml:7:1: /some/{one.name}: the {one.kind} "{one.name}"{whose} is not in boundary.yaml')
    assert said.endswith(f"Declare it there, or take it out here. {write}")


def test_what_is_declared_or_not_the_boundarys_to_say_is_taken(folder: Path) -> None:
    """A step under a workflow that is itself unknown is one finding, not two."""
    known = [named("workflow", "activate"), named("step", "select", workflow="activate"), named("option", "pro"), named("tenant", "acme")]

    assert refusals(folder, *known, named("caller", "anybody"), named("step", "x", workflow="gone")) == []
