"""Names in policy data: found where the schema marks them, with what they stand under, and nowhere else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.adapters.opa.check import prepare
from gateway.adapters.opa.data_names import NameAt, names
from gateway.declared.naming import Named
from tests.unit.gateway.adapters.opa.default_bundle import DEFAULT
from tests.unit.gateway.adapters.opa.opa_binary import opa_binary

SHIPPED: Final[Mapping[str, Any]] = json.loads((DEFAULT / "schemas" / "tenant.json").read_text())
DATA = """\
risk_max: medium
workflows:
  subscribe:
    callers: [signup]
    steps: [select_plan]
    actions:
      - activate_plan
      - top_up
models: [small]
amount_limits_micros:
  USD: {team_pro: 5, "*": 0}
calendar:
  activate_plan:
    timezone: UTC
    weekdays: [monday]
    windows: [{from: "08:00", to: "18:00"}]
"""


def test_the_default_bundle_knows_its_names(tmp_path: Path) -> None:
    """Tenant, workflows, steps and actions, options but for the star, calendars; each with its file and line. Callers and models are not the boundary's."""
    folder = tmp_path / "countersign" / "tenants" / "acme"
    folder.mkdir(parents=True)
    (folder / "data.yaml").write_text(DATA)

    prepared = prepare([DEFAULT, tmp_path], opa=opa_binary())

    file, of = str(folder / "data.yaml"), {"workflow": "subscribe"}
    assert sorted(prepared.named, key=lambda one: (one.line, one.name)) == [
        Named(kind="tenant", name="acme", within={}, place="", file=file, line=0),
        Named(kind="workflow", name="subscribe", within={}, place="/workflows/subscribe", file=file, line=3),
        Named(kind="step", name="select_plan", within=of, place="/workflows/subscribe/steps/0", file=file, line=5),
        Named(kind="action", name="activate_plan", within=of, place="/workflows/subscribe/actions/0", file=file, line=7),
        Named(kind="action", name="top_up", within=of, place="/workflows/subscribe/actions/1", file=file, line=8),
        Named(kind="option", name="team_pro", within={}, place="/amount_limits_micros/USD/team_pro", file=file, line=11),
        Named(kind="action", name="activate_plan", within={}, place="/calendar/activate_plan", file=file, line=13),
    ]


@pytest.mark.parametrize("document", [None, [], "x", {"workflows": [1]}, {"workflows": {"w": {"steps": "s"}}}, {"calendar": None}, {"unknown": {"a": 1}}])
def test_what_does_not_fit_the_schema_is_passed_over(document: object) -> None:
    """Its misfit is another finding; here nothing breaks."""
    assert [one.kind for one in names(SHIPPED, document)] in ([], ["workflow"])


@pytest.mark.parametrize(
    "schema", [{}, {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, {"$ref": "https://elsewhere/x"}, {"$ref": 7}, {"x-names": ["action"]}]
)
def test_a_schema_that_leads_nowhere_names_nothing(schema: Mapping[str, Any]) -> None:
    """Circles end, and nothing is fetched from anywhere."""
    assert list(names(schema, "top_up")) == []


def test_a_name_stands_under_the_names_above_it() -> None:
    """By kind, the nearest of each."""
    schema = {"propertyNames": {"x-names": "workflow"}, "additionalProperties": {"propertyNames": {"x-names": "step"}}}

    assert list(names(schema, {"w": {"s": 1}}))[1] == NameAt(kind="step", name="s", within={"workflow": "w"}, path=("w", "s"), at_key=True)
