"""What a payload says: paths, costs, and whether it carries what was decided."""

import re
from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.boundary import CostRule, Slot
from gateway.domain.budget import Cost, Ledger
from gateway.domain.limits import AMOUNT_MAX, KEY_BYTES_MAX
from gateway.domain.payload import costs_of, drift, path_of
from gateway.domain.reasons import Reason
from gateway.domain.records import Note
from gateway.domain.refusal import Refusal
from tests.fakes.activation import ACTIONS

WRITE = ACTIONS["top_up"]


def rule(pointer: str, *, ledger: Ledger = Ledger.VALUE, currency: str = "USD", amount: int = 0) -> CostRule:
    return CostRule(ledger=ledger, currency=currency, pointer=pointer, amount=amount)


def test_costs_are_read_where_the_boundary_says_in_its_order() -> None:
    """Pointers, constants, several ledgers."""
    action = replace(
        WRITE, costs=(rule("/lines/1/amount"), rule("", ledger=Ledger.WRITES, currency="", amount=2), rule("/fee", ledger=Ledger.SPEND, currency="EUR"))
    )

    assert costs_of(action, {"lines": [{"amount": 1}, {"amount": 7}], "fee": 0}) == (
        Cost(ledger=Ledger.VALUE, currency="USD", amount=7), Cost(ledger=Ledger.WRITES, currency="", amount=2),
        Cost(ledger=Ledger.SPEND, currency="EUR", amount=0),
    )  # fmt: skip


@pytest.mark.parametrize("amount", [0, 1, AMOUNT_MAX])
def test_an_amount_is_an_integer_within_bounds(amount: int) -> None:
    """Both ends included."""
    assert costs_of(replace(WRITE, costs=(rule("/amount"),)), {"amount": amount}) == (Cost(ledger=Ledger.VALUE, currency="USD", amount=amount),)


@pytest.mark.parametrize(
    ("amount", "seen"),
    [
        (-1, "integer -1"),
        (AMOUNT_MAX + 1, f"integer {AMOUNT_MAX + 1}"),
        (1.0, "number"),
        ("secret", "string"),
        (True, "boolean"),
        (None, "null"),
        ([1], "array"),
        ({"a": 1}, "object"),
    ],
)
def test_anything_else_is_unreadable_and_named_by_its_type(amount: object, seen: str) -> None:
    """Never by its text."""
    found = costs_of(replace(WRITE, costs=(rule("/amount"),)), {"amount": amount})

    assert isinstance(found, Note)
    assert (found.reason, found.facts) == (
        Reason.COST_UNREADABLE, {"pointer": "/amount", "expected": f"integer 0 to {AMOUNT_MAX}", "seen": seen},
    )  # fmt: skip


def test_one_unreadable_cost_makes_them_all_unreadable() -> None:
    """Nothing is half counted."""
    action = replace(WRITE, costs=(rule("/amount"), rule("/fee")))

    found = costs_of(action, {"amount": 5})

    assert isinstance(found, Note)
    assert (found.facts["pointer"], found.facts["seen"]) == ("/fee", "nothing")


def test_an_action_that_costs_nothing_has_no_costs() -> None:
    """An empty tuple, not a note."""
    assert costs_of(replace(WRITE, costs=()), {}) == ()


def test_the_first_bound_pointer_that_drifts_is_named() -> None:
    """Every one must say the option; text is cut."""
    action = replace(WRITE, bind=("/plan", "/items/0/plan"))

    agreed = drift(action, {"plan": "pro", "items": [{"plan": "pro"}]}, "pro")
    drifted = drift(action, {"plan": "pro", "items": [{"plan": "x" * 100}]}, "pro")
    missing = drift(action, {"plan": "pro"}, "pro")

    assert agreed is None
    assert drifted is not None
    assert missing is not None
    assert drifted.facts == {"pointer": "/items/0/plan", "expected": "pro", "seen": "x" * 64}
    assert missing.facts == {"pointer": "/items/0/plan", "expected": "pro", "seen": "nothing"}


@pytest.mark.parametrize("seen", ["Pro", "pro ", ["pro"], {"pro": 1}, None, True])
def test_nearly_the_option_is_not_the_option(seen: object) -> None:
    """Equal as JSON values."""
    assert drift(replace(WRITE, bind=("/plan",)), {"plan": seen}, "pro") is not None


@pytest.mark.parametrize(
    ("account", "segment"),
    [
        ("team-12", "team-12"),
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("é", "%C3%A9"),
        ("%2e", "%252e"),
        ("?x#y", "%3Fx%23y"),
        ("...", "..."),
        ("{slot}", "%7Bslot%7D"),
    ],
)
def test_a_slot_is_percent_encoded_whole(account: str, segment: str) -> None:
    """Nothing of it is structure: not even another slot's name."""
    assert path_of(WRITE, {"account": account, "slot": 7}) == f"/accounts/{segment}/credits/7"


@pytest.mark.parametrize("slot", [0, -5, 10**15])
def test_an_integer_slot_is_its_digits(slot: int) -> None:
    """As JSON wrote it."""
    assert path_of(WRITE, {"account": "a", "slot": slot}) == f"/accounts/a/credits/{slot}"


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"account": "", "slot": 1}, "payload/account"),
        ({"account": ".", "slot": 1}, "payload/account"),
        ({"account": "..", "slot": 1}, "payload/account"),
        ({"account": "../admin", "slot": 1}, "payload/account"),
        ({"account": "a/../../admin", "slot": 1}, "payload/account"),
        ({"account": "a\\..\\admin", "slot": 1}, "payload/account"),
        ({"account": "a/./b", "slot": 1}, "payload/account"),
        ({"account": "/a", "slot": 1}, "payload/account"),
        ({"account": "a//b", "slot": 1}, "payload/account"),
        ({"account": "a/", "slot": 1}, "payload/account"),
        ({"account": "a\nb", "slot": 1}, "payload/account"),
        ({"account": "é" * (KEY_BYTES_MAX // 2 + 1), "slot": 1}, "payload/account"),
        ({"account": 5, "slot": 1}, "payload/account"),
        ({"slot": 1}, "payload/account"),
        ({"account": "a", "slot": "1"}, "payload/slot"),
        ({"account": "a", "slot": True}, "payload/slot"),
        ({"account": "a", "slot": 1.0}, "payload/slot"),
        ({"account": "a"}, "payload/slot"),
    ],
)
def test_a_slot_that_cannot_be_filled_is_refused_by_its_place(document: object, path: str) -> None:
    """Typed as the boundary says."""
    found = path_of(WRITE, document)

    assert isinstance(found, Refusal)
    assert (found.reason, found.violations[0].path) == (Reason.MALFORMED, path)


@given(st.text(min_size=1, max_size=60))
def test_a_filled_path_has_the_segments_of_its_template(account: str) -> None:
    """Whatever the caller writes: refused, or one segment that decodes to it."""
    action = replace(WRITE, path="/accounts/{account}/credits", slots={"account": Slot(pointer="/account", type="string")})

    found = path_of(action, {"account": account})

    if isinstance(found, str):
        _, first, segment, last = found.split("/")
        assert (first, unquote(segment), last) == ("accounts", account, "credits")
        assert not {"", ".", ".."} & set(re.split(r"[/\\]", unquote(segment)))
        assert found.isascii()
