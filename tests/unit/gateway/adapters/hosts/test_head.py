"""Request heads: what is written, and what cannot be."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.hosts.head import Heads, Unsendable, rfc3339
from tests.fakes.clock import FakeClock
from tests.fakes.wire import TARGET, delivery

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("given_as", "written"),
    [
        (f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01"),
        (f"00-{TRACE}-{SPAN}-ff", f"00-{TRACE}-{SPAN}-03"),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"00-{TRACE}-{SPAN}-01\r\nX: y", None),
        (f"00-{TRACE}-{SPAN}-01\n", None),
        ("", None),
    ],
)
def test_a_trace_is_written_anew_or_left_out(given_as: str, written: str | None) -> None:
    """Nothing of an invalid one is copied; the write goes out all the same."""
    head = Heads(TARGET).of_delivery(replace(delivery(FakeClock()), traceparent=given_as))

    lines = [line for line in head.split(b"\r\n") if line.startswith(b"traceparent: ")]
    assert ([] if written is None else [f"traceparent: {written}".encode()]) == lines


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40), st.text(max_size=60))
def test_no_value_writes_a_line_of_its_own(method: str, path: str, key: str, traceparent: str) -> None:
    """Whatever the values are: refused, or a head of exactly the lines we mean."""
    write = replace(delivery(FakeClock()), method=method, path=path, key=key, traceparent=traceparent)
    for one in (write, replace(write, method="POST"), replace(write, method="POST", path="/a"), replace(write, method="POST", path="/a", key="cs-1")):
        try:
            head = Heads(TARGET).of_delivery(one)
        except Unsendable:
            continue
        names = [line.partition(b":")[0] for line in head.split(b"\r\n")[1:]]
        assert names[:7] == [b"Host", b"User-Agent", b"Accept", b"Content-Type", b"Content-Length", b"Idempotency-Key", b"Not-After"]
        assert names[7:] in ([b"", b""], [b"traceparent", b"", b""])


def test_not_after_is_rfc_3339() -> None:
    """UTC, with milliseconds."""
    times = {0: "1970-01-01T00:00:00.000Z", 1_800_000_000_007: "2027-01-15T08:00:00.007Z", 253_402_300_799_999: "9999-12-31T23:59:59.999Z"}

    assert times == {unix_ms: rfc3339(unix_ms) for unix_ms in times}


def test_a_query_asks_with_a_get() -> None:
    """It carries the credential and nothing of a write."""
    head = Heads(replace(TARGET, authorization="Bearer s3cret")).of_query("/operations/cs-1")

    assert head == (
        b"GET /operations/cs-1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\nUser-Agent: countersign\r\nAccept: application/json\r\nAuthorization: Bearer s3cret\r\n\r\n"
    )


def test_no_refusal_shows_the_value() -> None:
    """The text of what cannot be written names the field only."""
    with pytest.raises(Unsendable) as refused:
        Heads(TARGET).of_delivery(replace(delivery(FakeClock()), key="s3cret\r\n"))

    assert "s3cret" not in str(refused.value)
