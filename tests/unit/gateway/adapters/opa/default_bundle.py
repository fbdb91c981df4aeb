"""The default bundle, to be broken one thing at a time."""

from pathlib import Path

import pytest

from gateway.adapters.opa.check import prepare
from gateway.adapters.opa.findings import Finding, PoliciesRefused
from tests.unit.gateway.adapters.opa.opa_binary import opa_binary

DEFAULT = Path("policies")
VERDICT = "countersign/commit/verdict.rego"
RISK = "countersign/commit/risk/risk.rego"
TENANT = """risk_max: medium
workflows:
  activate_subscription:
    callers: [workflow-engine]
    steps: [select_plan]
    actions: [activate_plan]
models: [local]
amount_limits_micros:
  USD: {team_pro: 1000000000, "*": 0}
"""


def edit(folder: Path, name: str, old: str, new: str) -> Path:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    return folder / name


def add(folder: Path, name: str, text: str) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def only(findings: tuple[Finding, ...]) -> Finding:
    assert len(findings) == 1, "\n".join(map(str, findings))
    return findings[0]


def refused(folder: Path) -> Finding:
    with pytest.raises(PoliciesRefused) as caught:
        prepare([folder], opa=opa_binary())
    return only(caught.value.findings)
