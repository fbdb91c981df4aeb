"""Filling a template: typed, escaped, without a way out of the path."""

import pytest

from agent.tools.slots import Filled, Unfilled, fill, point
from agent.tools.spec import SlotSpec, SlotType, Source
from tests.unit.agent.made import ACCOUNT, CITY, COUNT, tool_spec

SEATS = tool_spec("http://billing/accounts/{account}/seats?city={city}&days={days}", slots={"account": ACCOUNT, "city": CITY, "days": COUNT})
PATH_ONLY = tool_spec("http://billing/v{account}/x", slots={"account": ACCOUNT})


def test_each_slot_has_its_own_source() -> None:
    """Identifiers from the context, the rest from the model; everything percent-encoded."""
    filled = fill(SEATS, args={"city": "Oslo", "days": -2}, context={"account": "a b/ü?&#%"})

    assert filled == Filled(
        url="http://billing/accounts/a%20b%2F%C3%BC%3F%26%23%25/seats?city=Oslo&days=-2", arguments={"account": "a b/ü?&#%", "city": "Oslo", "days": -2}
    )


@pytest.mark.parametrize("args", [{}, {"city": "Oslo"}, {"city": "Oslo", "days": 1, "account": "foundry"}])
def test_the_model_fills_exactly_its_slots(args: dict[str, str | int]) -> None:
    """It cannot name an account, not even where it tries."""
    assert fill(SEATS, args=args, context={"account": "harbour"}) == Unfilled("its arguments must be exactly: city, days")


@pytest.mark.parametrize("value", [".", "..", "../x", "x/..", "a/../b", "a//b", "/", "..\\x", "\\"])
def test_a_value_cannot_leave_its_segment(value: str) -> None:
    """Nor after a server has decoded it."""
    assert isinstance(fill(tool_spec("http://billing/{account}/x", slots={"account": ACCOUNT}), args={}, context={"account": value}), Unfilled)


def test_half_a_dot_segment_is_no_dot_segment() -> None:
    """What stands beside the slot counts."""
    assert isinstance(fill(PATH_ONLY, args={}, context={"account": ".."}), Filled)
    assert isinstance(fill(tool_spec("http://billing/.{account}/x", slots={"account": ACCOUNT}), args={}, context={"account": "."}), Unfilled)


@pytest.mark.parametrize("context", [{}, {"account": None}, {"account": 7}, {"account": ""}, {"account": ["a"]}, {"Account": "harbour"}])
def test_a_context_without_the_value_is_told_by_its_pointer(context: dict[str, object]) -> None:
    """The pointer, never the value."""
    unfilled = fill(PATH_ONLY, args={}, context=context)

    assert unfilled == Unfilled("context /account must be a string of 1 to 128 characters")


def test_pointers_follow_the_rfc() -> None:
    """RFC 6901: escapes, arrays, nothing invented."""
    document = {"a/b": {"~": [{"c": 1}]}}

    assert point(document, "/a~1b/~0/0/c") == 1
    assert point(document, "/a~1b/~0/1") is None
    assert point(document, "/a~1b/~0/-") is None
    assert point(document, "/missing") is None


def test_a_pattern_matches_the_whole_value() -> None:
    """A newline at the end is not let through."""
    slot = SlotSpec(source=Source.CONTEXT, type=SlotType.STRING, pointer="/id", pattern="[a-z]+$|x\\d")
    spec = tool_spec("http://billing/{id}", slots={"id": slot})

    assert isinstance(fill(spec, args={}, context={"id": "abc"}), Filled)
    assert isinstance(fill(spec, args={}, context={"id": "abc\n"}), Unfilled)
    assert isinstance(fill(spec, args={}, context={"id": "abc/x"}), Unfilled)
    assert isinstance(fill(spec, args={}, context={"id": "x7"}), Filled)
    assert isinstance(fill(spec, args={}, context={"id": "ax7"}), Unfilled)


def test_a_pattern_takes_no_longer_for_a_value_made_to_hold_it_up() -> None:
    """A model's 128 characters against a pattern that a backtracking engine would not finish in a lifetime."""
    slot = SlotSpec(source=Source.MODEL, type=SlotType.STRING, pattern="(a+)+(a|a)*b")

    assert slot.complaint("a" * 128) == "must match (a+)+(a|a)*b"
