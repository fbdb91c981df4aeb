"""The activation folder of the example agrees with itself and with what billing sells."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from examples.subscription.billing.catalogue import ACCOUNTS, CURRENCY, PLANS
from examples.subscription.billing.orders import Order, read_order
from tests.unit.examples.conftest import ORDER, ROOT

FOLDER = ROOT / "examples" / "subscription" / "activation"
CONTEXT: dict[str, object] = {"account": "harbour", "plan": "team_basic", "team_size": 12}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def boundary() -> Any:
    return read(FOLDER / "boundary.yaml")


def schema(name: str) -> Any:
    return json.loads((FOLDER / "schemas" / name).read_text(encoding="utf-8"))


def select_plan() -> Any:
    return boundary()["workflows"]["activate_subscription"]["steps"]["select_plan"]


def value_limit(tenant: str) -> int:
    (limit,) = [budget["limit_micros"] for budget in boundary()["tenants"][tenant]["budgets"] if budget["ledger"] == "value"]
    assert isinstance(limit, int)
    return limit


def test_every_schema_is_named_and_there() -> None:
    """The boundary names each file of `schemas/`, and none that is missing."""
    named = {select_plan()["context_schema"], *(action["payload_schema"] for action in boundary()["actions"].values())}

    assert named == {path.relative_to(FOLDER).as_posix() for path in (FOLDER / "schemas").iterdir()}


@pytest.mark.parametrize("name", ["activate_plan.json", "select_plan.context.json"])
def test_schemas_are_schemas_of_closed_objects(name: str) -> None:
    """Valid against their own meta-schema; nothing undeclared passes; every member is required."""
    document = schema(name)

    assert jsonschema_rs.meta.is_valid(document)
    assert document["additionalProperties"] is False
    assert sorted(document["properties"]) == document["required"]


def test_pointers_name_members_of_the_payload() -> None:
    """Slots, bindings and costs point at required members of the payload, of the right type."""
    action, members = boundary()["actions"]["activate_plan"], schema("activate_plan.json")["properties"]

    assert members[action["request"]["slots"]["account"].removeprefix("/")]["type"] == "string"
    assert [members[pointer.removeprefix("/")]["enum"] for pointer in action["bind"]] == [list(PLANS)]
    assert members[action["cost"]["value"]["pointer"].removeprefix("/")]["type"] == "integer"
    assert members["currency"] == {**members["currency"], "const": action["cost"]["value"]["currency"]}


def test_options_are_what_billing_sells() -> None:
    """The same plans in the same order, each described by its seats."""
    expected = {name: f"up to {plan.seats_max} seats" for name, plan in PLANS.items()}

    assert list(select_plan()["options"].items()) == list(expected.items())
    assert schema("select_plan.context.json")["properties"]["plan"]["enum"] == list(PLANS)


def test_the_story_passes_its_schemas() -> None:
    """12 people of harbour on team_pro: context and payload are valid, and billing would take the payload."""
    context = jsonschema_rs.validator_for(schema("select_plan.context.json"))
    payload = jsonschema_rs.validator_for(schema("activate_plan.json"))
    order = read_order(ORDER, account="harbour")

    assert context.is_valid(CONTEXT)
    assert payload.is_valid(json.loads(ORDER))
    assert isinstance(order, Order)
    assert order.currency == CURRENCY
    assert ACCOUNTS["harbour"].team_size == order.seats == CONTEXT["team_size"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("account", "../quarry"),
        ("account", "Harbour"),
        ("plan", "team_max"),
        ("seats", 0),
        ("seats", "12"),
        ("amount_micros", -1),
        ("currency", "EUR"),
        ("note", "x"),
    ],
)
def test_payloads_that_are_refused(member: str, value: object) -> None:
    """A path in the account, an unknown plan, another currency, an undeclared member: not this write."""
    validator = jsonschema_rs.validator_for(schema("activate_plan.json"))

    assert not validator.is_valid({**json.loads(ORDER), member: value})


def test_budgets_show_both_ends() -> None:
    """acme can pay the story 500 times over, tiny not once; a run has writes and steps for it."""
    price = PLANS["team_pro"].monthly_price_micros
    run = boundary()["workflows"]["activate_subscription"]["run"]

    assert value_limit("acme") >= 500 * price
    assert 0 < value_limit("tiny") < price
    assert run["steps_max"] >= 4
    assert {budget["ledger"]: budget.get("limit") for budget in run["budgets"]}["writes"] >= 1
