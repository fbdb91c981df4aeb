"""Seats before the models: bounded, handed back, and a refusal that leaves no trace."""

from gateway.domain.reasons import Reason
from gateway.domain.refusal import Refusal
from gateway.service.seats import Seats


def one_each(model: str) -> int:
    return {"small": 1, "large": 1}.get(model, 0)


def test_a_thinking_sits_before_the_first_model_with_a_free_seat() -> None:
    """In the order of preference, until there is none."""
    seats = Seats()

    taken = [seats.take(("small", "large"), one_each) for _ in range(3)]

    assert taken[:2] == ["small", "large"]
    assert isinstance(taken[2], Refusal)
    assert (taken[2].reason, taken[2].retry_after_ms) == (Reason.OVERLOADED, 1_000)
    assert "small 1, large 1" in taken[2].message


def test_a_seat_that_is_left_is_free_again() -> None:
    """For whoever comes next."""
    seats = Seats()
    seats.take(("small",), one_each)

    seats.leave("small")

    assert seats.take(("small",), one_each) == "small"


def test_no_model_has_no_seat() -> None:
    """Closed, not open."""
    assert isinstance(Seats().take((), one_each), Refusal)
