"""A tool's spec: what its author can get wrong is told when it is made."""

import pytest

from agent.tools.spec import SlotSpec, SlotType, Source
from tests.unit.agent.made import ACCOUNT, COUNT, tool_spec


@pytest.mark.parametrize(
    ("url", "slots", "why"),
    [
        ("http://{account}.billing/plans", {"account": ACCOUNT}, "never in the host"),
        ("ftp://billing/plans", {}, "must be http"),
        ("billing/plans", {}, "must be http"),
        ("http://user:pass@billing/plans", {}, "no credentials"),
        ("http://billing/plans#top", {}, "no fragment"),
        ("http://billing/plans?{account}=1", {"account": ACCOUNT}, "stands after '='"),
        ("http://billing/../plans", {}, "dot segment"),
        ("http://billing/{account}", {}, "they must agree"),
        ("http://billing/plans", {"account": ACCOUNT}, "they must agree"),
        ("http://billing/{Account}", {"account": ACCOUNT}, "stray brace"),
        ("http://billing/{account", {"account": ACCOUNT}, "stray brace"),
        ("http://billing/plans now", {}, "plain ASCII"),
        ("http://billing:99999/plans", {}, "Port out of range"),
    ],
)
def test_a_template_that_could_lead_elsewhere_is_refused(url: str, slots: dict[str, SlotSpec], why: str) -> None:
    """The message says what to write."""
    with pytest.raises(ValueError, match=why):
        tool_spec(url, slots=slots)


def test_limits_and_networks_are_checked() -> None:
    """No tool without bounds."""
    with pytest.raises(ValueError, match="method must be GET or HEAD"):
        tool_spec("http://billing/plans", method="POST")
    with pytest.raises(ValueError, match="at least one block"):
        tool_spec("http://billing/plans", networks=())
    with pytest.raises(ValueError, match="not a CIDR block"):
        tool_spec("http://billing/plans", networks=("10.0.0.1/8",))
    with pytest.raises(ValueError, match="result_bytes_max must be 1 to 32768"):
        tool_spec("http://billing/plans", result_bytes_max=32_769)
    with pytest.raises(ValueError, match="timeout_ms must be 1 to"):
        tool_spec("http://billing/plans", timeout_ms=0)
    with pytest.raises(ValueError, match="one line of visible ASCII"):
        tool_spec("http://billing/plans", authorization="Bearer x\r\nHost: elsewhere")


def test_a_model_never_fills_a_free_string() -> None:
    """An identifier must come from the context."""
    with pytest.raises(ValueError, match="needs an enum or a pattern"):
        SlotSpec(source=Source.MODEL, type=SlotType.STRING)
    with pytest.raises(ValueError, match="needs a pointer"):
        SlotSpec(source=Source.CONTEXT, type=SlotType.STRING)
    with pytest.raises(ValueError, match="one from the model has none"):
        SlotSpec(source=Source.MODEL, type=SlotType.INTEGER, pointer="/n")
    with pytest.raises(ValueError, match="not a regular expression"):
        SlotSpec(source=Source.MODEL, type=SlotType.STRING, pattern="(")
    with pytest.raises(ValueError, match="without look-around and back-references"):
        SlotSpec(source=Source.MODEL, type=SlotType.STRING, pattern="(?=a)a")
    with pytest.raises(ValueError, match="not a regular expression"):
        SlotSpec(source=Source.MODEL, type=SlotType.STRING, pattern="a)|(b")


def test_the_model_never_says_whose_data_is_read() -> None:
    """A declared identifier comes from the context, from a list too; so does every open segment of a path."""
    listed = SlotSpec(source=Source.MODEL, type=SlotType.STRING, enum=("month", "year"))
    with pytest.raises(ValueError, match="an identifier comes from the context"):
        SlotSpec(source=Source.MODEL, type=SlotType.IDENTIFIER, enum=("harbour",))
    with pytest.raises(ValueError, match="a path segment says what is read"):
        tool_spec("http://billing/plans/{number}", slots={"number": COUNT})
    with pytest.raises(ValueError, match="a path segment says what is read"):
        tool_spec("http://billing/v{term}.json", slots={"term": SlotSpec(source=Source.MODEL, type=SlotType.STRING, pattern="[a-z]+")})

    assert tool_spec("http://billing/{listed}?n={number}", slots={"listed": listed, "number": COUNT}).model_slots.keys() == {"listed", "number"}


def test_a_credential_is_not_in_what_is_printed() -> None:
    """Neither by repr nor by a log that prints the spec."""
    assert "s3cret" not in repr(tool_spec("http://billing/plans", authorization="Bearer s3cret"))


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 2**53 + 1, -(2**53) - 1])
def test_an_integer_is_an_integer(value: object) -> None:
    """Not a boolean, not a float, not beyond what every JSON reader keeps."""
    assert COUNT.complaint(value)
    assert COUNT.complaint(2**53) == ""


@pytest.mark.parametrize("value", [None, 7, "", "x" * 129, "a\x00b", "a\nb", "\ud800", ["a"]])
def test_a_string_is_a_visible_string(value: object) -> None:
    """Bounded, printable, not empty."""
    assert ACCOUNT.complaint(value)
    assert ACCOUNT.complaint("Ünïcode & Söhne") == ""
