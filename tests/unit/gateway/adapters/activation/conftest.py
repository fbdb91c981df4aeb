"""An activation folder that loads, to be broken one part at a time."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.adapters.activation import ActivationRefused, load_activation
from gateway.domain.boundary import Activation

BOUNDARY = """\
version: 1
tenants:
  acme:
    budgets:
      - {ledger: value, currency: USD, window: month, limit_micros: 50_000_000}
      - {ledger: spend, currency: USD, window: day, limit_micros: 20_000}
  other:
    budgets:
      - {ledger: value, currency: USD, limit_micros: 1}
workflows:
  activate:
    run: {steps_max: 12, wall_max: 10m, stops_run: [TIMEOUT], budgets: [{ledger: spend, currency: USD, limit_micros: 50_000}, {ledger: writes, limit: 3}]}
    budgets: [{ledger: writes, window: minute, limit: 600}]
    steps:
      read: {mode: deterministic}
      write: {mode: deterministic, commits: [activate_plan]}
      select:
        mode: agentic
        goal: Pick one.
        context_schema: schemas/context.json
        options: {basic: up to 5, pro: up to 25}
        reads: [plans]
        tools: [seats]
        limits: {steps_max: 4, tool_calls_max: 4, tokens_max: 4000, spend_micros_max: 2000, wall_max: 20s}
        commits: [activate_plan]
actions:
  activate_plan:
    target: billing
    request: {method: POST, path: "/accounts/{account}/units/{unit}", slots: {account: /account, unit: {pointer: /unit/number, type: integer}}}
    risk: medium
    bind: {/plan: option}
    cost: {value: {currency: USD, pointer: /amount}, writes: 1}
    payload_schema: schemas/payload.json
"""
PAYLOAD = """\
{
  "type": "object",
  "additionalProperties": false,
  "required": ["account", "amount", "plan", "unit"],
  "properties": {
    "account": {"type": "string"},
    "amount": {"$ref": "#/$defs/money"},
    "plan": {"enum": ["basic", "pro"]},
    "note": {"type": "string"},
    "unit": {"type": "object", "additionalProperties": false, "required": ["number"], "properties": {"number": {"type": "integer"}}}
  },
  "$defs": {"money": {"type": "integer", "minimum": 0}}
}
"""
CONTEXT = '{"type": "object"}\n'
REGO = "package countersign.commit\n"

Load = Callable[..., Activation]
Refused = Callable[..., list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("schemas", "policies/countersign"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "boundary.yaml").write_text(BOUNDARY)
    (tmp_path / "schemas" / "payload.json").write_text(PAYLOAD)
    (tmp_path / "schemas" / "context.json").write_text(CONTEXT)
    (tmp_path / "policies" / "countersign" / "commit.rego").write_text(REGO)
    return tmp_path


@pytest.fixture
def loaded(folder: Path) -> Load:
    """Loads the good folder with replacements of text, in whichever file has it."""

    def load_with(*replacements: tuple[str, str], tenants: set[str] | None = None) -> Activation:
        for old, new in replacements:
            file = next(path for path in sorted(folder.rglob("*.*")) if path.is_file() and old in path.read_text())
            file.write_text(file.read_text().replace(old, new))
        return load_activation(
            folder,
            targets={"billing"},
            tools={"plans", "seats"},
            models=("local", "large"),
            policy_codes=frozenset({"NO"}),
            prefetchable={"plans"},
            tenants=tenants,
        )

    return load_with


@pytest.fixture
def refused(loaded: Load, folder: Path) -> Refused:
    """The findings about it, without the folder's name."""

    def findings(*replacements: tuple[str, str], tenants: set[str] | None = None) -> list[str]:
        with pytest.raises(ActivationRefused) as raised:
            loaded(*replacements, tenants=tenants)
        return [str(one).replace(f"{folder}/", "") for one in raised.value.findings]

    return findings
