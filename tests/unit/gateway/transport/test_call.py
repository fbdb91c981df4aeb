"""What is known of a call before its message is read."""

import pytest

from gateway.transport.call import patience, traceparent

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("left_s", "ceiling_s", "hand_over_s", "answer_s"),
    [
        (10.0, 120.0, 9.5, 9.75),  # 5 %
        (0.5, 120.0, 0.45, 0.475),  # never less than 50 ms
        (1_000.0, 120.0, 114.0, 117.0),  # clamped
        (0.01, 120.0, -0.04, -0.015),  # nothing can be handed over any more
    ],
)
def test_the_answer_leaves_before_the_callers_deadline(left_s: float, ceiling_s: float, hand_over_s: float, answer_s: float) -> None:
    """Work is handed over one margin before, the answer leaves half a margin before."""
    of = patience(now_s=100.0, left_s=left_s, ceiling_s=ceiling_s)

    assert (of.hand_over_by_s - 100.0, of.answer_by_s - 100.0) == pytest.approx((hand_over_s, answer_s))


def test_a_trace_context_goes_on_as_it_came() -> None:
    """Exactly W3C version 00."""
    assert traceparent(TRACE) == TRACE


@pytest.mark.parametrize(
    "value",
    [
        "",
        TRACE.upper(),
        TRACE + "-extra",
        "01" + TRACE[2:],
        TRACE.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        TRACE.replace("b7ad6b7169203331", "0" * 16),
        TRACE + "\r\nx: y",
        " " + TRACE,
    ],
)
def test_anything_else_does_not_go_downstream(value: str) -> None:
    """Least of all something that would become another header."""
    assert traceparent(value) == ""
