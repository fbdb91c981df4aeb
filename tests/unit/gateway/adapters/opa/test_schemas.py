"""The schemas authors compile against are the gateway's own inputs."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from gateway.adapters.opa.schemas import COMMIT, DECIDE, blank, blank_json, generate
from gateway.domain.policy_input import BudgetInput, CommitInput, CostInput, DecideInput, DecisionInput, RunInput, encode
from gateway.ports.policy import Entrypoint

POLICIES = Path("policies/schemas")
RUN = RunInput(id="r", steps=1, elapsed_ms=5)
COSTS = [CostInput(ledger="value", currency="USD", amount=5)]
BUDGETS = [BudgetInput(level="run", ledger="writes", currency="", window="total", limit=3, left=-1)]


def commit_input(decision: DecisionInput | None) -> CommitInput:
    return CommitInput(
        tenant="acme", caller="c", workflow="w", step="s", mode="agentic", action="a", risk="low", target="t", method="POST", path="/p", option="o",
        decision=decision, costs=COSTS, run=RUN, budgets=BUDGETS, time_ms=1, activation_number=1, revision="r",
    )  # fmt: skip


@pytest.mark.parametrize("name", [COMMIT, DECIDE])
def test_the_files_in_the_default_bundle_are_fresh(name: str) -> None:
    """Stale: run `python -m gateway.adapters.opa.schemas`."""
    assert (POLICIES / name).read_bytes() == generate()[name]


@pytest.mark.parametrize("decision", [None, DecisionInput(id="d", step="s", option="o", source="AGENT", made_at_ms=1, model="m")])
@pytest.mark.parametrize("payload", [b'{"plan":"team_pro"}', b"[1]", b"7", b"null"])
def test_what_the_gateway_sends_to_commit_fits_the_schema(decision: DecisionInput | None, payload: bytes) -> None:
    """With a decision and without, whatever the payload is."""
    document = json.loads(encode(commit_input(decision), spliced=payload))

    jsonschema_rs.validate(json.loads(generate()[COMMIT]), document)


def test_what_the_gateway_sends_to_decide_fits_the_schema() -> None:
    """The context is an object."""
    asked = DecideInput(
        tenant="acme", caller="c", workflow="w", step="s", mode="agentic", options=["o"], models=["m"], tools=[], costs=COSTS, run=RUN,
        budgets=BUDGETS, time_ms=1, activation_number=1, revision="r",
    )  # fmt: skip

    jsonschema_rs.validate(json.loads(generate()[DECIDE]), json.loads(encode(asked, spliced=b'{"seats":12}')))


@pytest.mark.parametrize("change", [{"amonut": 1}, {"time_ms": "1"}, {"run": {"id": "r", "steps": 1}}, {"decision": {"id": "d"}}])
def test_the_schemas_are_closed_and_complete(change: dict[str, object]) -> None:
    """An unknown field, another type, a missing field: none of them fits."""
    document = json.loads(encode(commit_input(None), spliced=b"{}")) | change

    assert not jsonschema_rs.is_valid(json.loads(generate()[COMMIT]), document)


@pytest.mark.parametrize("entrypoint", list(Entrypoint))
def test_the_blank_question_has_every_field(entrypoint: Entrypoint) -> None:
    """It is what an entrypoint must deny."""
    schema = json.loads(generate()[COMMIT if entrypoint is Entrypoint.COMMIT else DECIDE])

    made = blank(entrypoint)

    assert isinstance(made, dict)
    assert set(made) == set(schema["required"])
    assert json.loads(blank_json(entrypoint)) == made
