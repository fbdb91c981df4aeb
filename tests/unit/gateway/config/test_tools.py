"""HTTP reads: what they are, and whom the model cannot name through them."""

import pytest

from tests.unit.gateway.config.conftest import Load, Refused

UNIT = "unit: {from: model, enum: [month, year]}"
UNIT_PATTERN = "unit: {from: model, pattern: '[a-z]{1,9}'}"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{account}/seats", "{acount}/seats", "the {holes} of the URL are not exactly the slots"),
        ("127.0.0.1:9100/accounts/{account}/seats", "{account}/seats", "expected an http or https address"),
        ("?unit={unit}", "?{unit}=1", "a slot in the host, or in a name of the query"),
        ("/accounts/{account}/seats", "/accounts/../{account}", "expected an http or https address"),
        ("{from: model, enum: [month, year]}", "{from: model}", "a string that the model fills is free text"),
        ("{from: model, enum: [month, year]}", "{from: model, enum: [month], max: 257}", "a string has at most 256 characters"),
        ("{from: context, pointer: /account}", "{from: context}", "from: context needs one"),
        ("{from: context, pointer: /account}", "{from: context, pointer: account}", "no JSON Pointer"),
        ("{from: model, enum: [month, year]}", "{from: model, pattern: '('}", "no regular expression"),
        ("{from: model, enum: [month, year]}", "{from: model, pattern: '(a)\\1'}", "no regular expression, or one with look-around"),
        ("{from: model, enum: [month, year]}", "{from: model, type: integer, enum: [month]}", "enum and pattern are for strings"),
        ("description: Seats in use.", "method: POST\n    description: Seats in use.", "expected 'GET' or 'HEAD', seen \"POST\""),
    ],
)
def test_what_cannot_be_meant_is_refused(refused: Refused, old: str, new: str, expected: str) -> None:
    """Before anything is sent."""
    assert expected in refused((old, new))[0]


@pytest.mark.parametrize(
    ("slots", "path", "expected"),
    [
        pytest.param("unit: {from: model, type: identifier}", "?unit={unit}", "an identifier says whose data is read", id="declared an identifier"),
        pytest.param(
            "unit: {from: model, type: identifier, enum: [harbour, foundry]}", "?unit={unit}", "an identifier says whose data is read", id="also from a list"
        ),
        pytest.param(UNIT_PATTERN, "/{unit}", "a segment of a path says what is read", id="free text in the path"),
        pytest.param("unit: {from: model, type: integer}", "/{unit}", "a segment of a path says what is read", id="a number in the path"),
        pytest.param(UNIT_PATTERN, "/v{unit}.json", "a segment of a path says what is read", id="a part of a segment"),
        pytest.param(UNIT_PATTERN, "?account_id={unit}", 'its word "account"', id="a query that is called like one"),
        pytest.param("customer_no: {from: model, type: integer}", "?n={customer_no}", 'its word "customer"', id="a slot that is called like one"),
        pytest.param("user: {from: model, pattern: '[a-z]{1,9}'}", "?q=name:{user}", 'its word "user"', id="inside a value"),
    ],
)
def test_the_model_identifies_nobody(refused: Refused, slots: str, path: str, expected: str) -> None:
    """Whatever its author meant: what says whose data is read comes from the context."""
    (finding, *_) = refused((UNIT, slots), ("?unit={unit}", path))

    assert expected in finding
    assert "from: context" in finding


def test_a_closed_list_may_stand_anywhere(loaded: Load) -> None:
    """Whoever wrote it has named each of them."""
    slots = loaded((UNIT, "tenant: {from: model, enum: [month, year]}"), ("?unit={unit}", "/{tenant}")).tools["billing.seats"].slots

    assert slots["tenant"].source == "model"


def test_an_identifier_comes_from_the_context(loaded: Load) -> None:
    """As a string."""
    account = loaded(("account: {from: context, pointer: /account}", "account: {from: context, pointer: /account, type: identifier}")).tools["billing.seats"]

    assert (account.slots["account"].type, account.slots["account"].max) == ("identifier", 128)


def test_a_tool_knows_whether_it_can_be_fetched_beforehand(loaded: Load) -> None:
    """Only when the context fills every slot."""
    asked = loaded().tools["billing.seats"]
    fetched = loaded(("{from: model, enum: [month, year]}", "{from: context, pointer: /unit}")).tools["billing.seats"]

    assert asked.prefetchable is False
    assert fetched.prefetchable is True


def test_a_slot_has_a_greatest(loaded: Load) -> None:
    """Characters of a string, or the value of an integer; bounded also where nothing is written."""
    plain = loaded().tools["billing.seats"].slots["unit"]
    number = loaded(("{from: model, enum: [month, year]}", "{from: model, type: integer}")).tools["billing.seats"].slots["unit"]
    small = loaded(("{from: model, enum: [month, year]}", "{from: model, type: integer, max: 9}")).tools["billing.seats"].slots["unit"]

    assert (plain.max, number.max, small.max) == (128, 2**53, 9)
