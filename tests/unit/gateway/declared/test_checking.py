"""Marked data through a model: what was wrong, where, and what to write."""

from collections.abc import Mapping
from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from gateway.declared.checking import check
from gateway.declared.findings import DeclarationRefused, nearest, seen
from gateway.declared.kinds import Currency, Declared, DurationMs, Name, wrong
from gateway.declared.yaml_marks import read_yaml


class Wheel(Declared):
    size: int = Field(ge=1, le=10, description="in inches", examples=[4])
    kind: Literal["round", "square"] = Field(default="round", description="its shape", examples=["round"])

    @model_validator(mode="after")
    def _rolls(self) -> "Wheel":
        if self.kind == "square":
            raise wrong("it does not roll", write="Write kind: round.", at=("kind",))
        return self


class Cart(Declared):
    wall_ms: DurationMs = Field(alias="wall", description="how long", examples=["10m"])
    wheels: Annotated[tuple[Wheel, ...], Field(min_length=1)] = Field(description="what it rolls on")
    named: Mapping[Name, Wheel] = Field(default={}, description="wheels by name")
    currency: Currency = "USD"


def checked(text: str) -> Cart:
    return check(Cart, read_yaml(text.encode(), "cart.yaml"), context={})


def refusal(text: str) -> list[str]:
    with pytest.raises(DeclarationRefused) as refused:
        checked(text)
    return [str(one) for one in refused.value.findings]


def test_a_right_file_is_a_frozen_value() -> None:
    """Durations are milliseconds, lists are tuples."""
    cart = checked("wall: 1_500ms\nwheels: [{size: 4}]\n")

    assert cart.wall_ms == 1_500
    assert cart.wheels == (Wheel(size=4),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wall: 10m\nwheels: [{size: 4}]\nweels: []\n", 'cart.yaml:3:1: unknown key "weels". Did you mean "wheels"?'),
        ("wall: 10m\nwheels: [{size: 4, sise: 5}]\n", 'cart.yaml:2:20: unknown key "sise" in wheels.0. Did you mean "size"?'),
        ("wall: 10m\nwheels: [{size: 4, zzz: 5}]\n", 'cart.yaml:2:20: unknown key "zzz" in wheels.0. Known here: size, kind.'),
        ("wheels: [{size: 4}]\n", 'cart.yaml:1:1: "wall" is missing. Write wall: 10m (how long).'),
        ("wall: 10m\nnamed:\n  a: {}\nwheels: [{size: 4}]\n", 'cart.yaml:3:3: "size" is missing in named.a. Write size: 4 (in inches).'),
        (
            "wall: 10\nwheels: [{size: 4}]\n",
            "cart.yaml:1:7: wall: a duration is a whole number and its unit, seen 10. Write it like 250ms, 20s, 10m, 24h or 30d.",
        ),
        ("wall: 10m\nwheels: [{size: big}]\n", 'cart.yaml:2:17: wheels.0.size: expected a whole number, seen "big". Write size: 4 (in inches).'),
        ("wall: 10m\nwheels: [{size: '4'}]\n", 'cart.yaml:2:17: wheels.0.size: expected a whole number, seen "4". Write size: 4 (in inches).'),
        ("wall: 10m\nwheels: [{size: 11}]\n", "cart.yaml:2:17: wheels.0.size: expected at most 10, seen 11. Write size: 4 (in inches)."),
        (
            "wall: 10m\nwheels: [{size: 4, kind: squre}]\n",
            "cart.yaml:2:26: wheels.0.kind: expected 'round' or 'square', seen \"squre\". Did you mean \"square\"?",
        ),
        ("wall: 10m\nwheels: [{size: 4, kind: square}]\n", "cart.yaml:2:26: wheels.0.kind: it does not roll. Write kind: round."),
        ("wall: 10m\nwheels: 4\n", "cart.yaml:2:9: wheels: expected a list, seen 4. What it rolls on."),
        ("wall: 10m\nwheels: []\n", "cart.yaml:2:9: wheels: expected at least 1, seen a list. What it rolls on."),
        ("- wall\n", "cart.yaml:1:1: expected a mapping, seen a list. Write the parts it has: wall, wheels, named, currency."),
        ("", "cart.yaml:1:1: expected a mapping, seen nothing. Write the parts it has: wall, wheels, named, currency."),
    ],
)
def test_a_wrong_file_says_where_what_and_what_to_write(text: str, expected: str) -> None:
    """One sentence each, ready to be acted on."""
    assert refusal(text) == [expected]


def test_a_name_is_checked_at_the_key() -> None:
    """Keys have places too."""
    (finding,) = refusal("wall: 10m\nwheels: [{size: 4}]\nnamed:\n  Big One: {size: 4}\n")

    assert finding.startswith("cart.yaml:4:3: named.Big One: a name has lower-case letters")


def test_all_findings_come_at_once_in_order() -> None:
    """One round of repairs; and a list is not called short because its members are wrong."""
    found = refusal("currency: dollars\nwheels: [{size: big}]\nwall: x\n")

    assert [one.split(":")[1] for one in found] == ["1", "2", "3"]


@pytest.mark.parametrize("value", ["10", "10 m", "1.5s", "-1s", "1w", "10M", "99999999999s", "", "１0s"])
def test_durations_have_a_unit(value: str) -> None:
    """Nothing is guessed."""
    assert "a duration is a whole number and its unit" in refusal(f"wall: '{value}'\nwheels: [{{size: 4}}]\n")[0]


def test_what_was_seen_is_short() -> None:
    """A long value is cut, control characters are escaped, and structures are named."""
    assert seen("x" * 100) == '"' + "x" * 59 + "…"
    assert seen("\x1b[31m") == '"\\u001b[31m"'
    structures: list[object] = [{}, [], None, True]
    assert [seen(value) for value in structures] == ["a mapping", "a list", "nothing", "true"]


def test_nearest_names_what_there_is() -> None:
    """The likely one, or a bounded list, or that there is none."""
    assert nearest("biling", ["billing", "crm"]) == 'Did you mean "billing"?'
    assert nearest("zzz", [f"n{number}" for number in range(20)]).endswith("n11, ….")
    assert nearest("zzz", []) == "There is none to name here."
