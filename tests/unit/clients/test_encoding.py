"""What leaves: the bytes, and what is stopped before it can leave."""

from datetime import datetime

import pytest

from countersign import Client
from countersign.encoding import CONTEXT_BYTES_MAX, PAYLOAD_BYTES_MAX, Question, Write, document
from tests.unit.clients.scripted import ScriptedGateway
from tests.unit.clients.test_commit_until_ended import WRITE
from tests.unit.clients.test_decide_until_ended import QUESTION


def test_a_document_is_compact_utf8_in_the_order_given() -> None:
    """No spaces, no escapes that hide letters, no sorting."""
    assert document({"b": [1, None, True], "a": "é"}, what="payload", bytes_max=100) == '{"b":[1,null,true],"a":"é"}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_is_not_json_is_stopped_here(value: object) -> None:
    """NaN and lone surrogates have no JSON."""
    with pytest.raises(ValueError, match=r"not JSON compliant|surrogates not allowed"):
        document({"a": value}, what="payload", bytes_max=100)


def test_over_the_ceiling_nothing_is_sent(gateway: ScriptedGateway, client: Client) -> None:
    """Beyond the contract's ceilings the caller hears it at once, with both sizes."""
    too_much: Write = {**WRITE, "payload": b"x" * (PAYLOAD_BYTES_MAX + 1)}
    too_long: Question = {**QUESTION, "context": b"x" * (CONTEXT_BYTES_MAX + 1)}

    with pytest.raises(ValueError, match=f"payload is {PAYLOAD_BYTES_MAX + 1} bytes; the contract's ceiling is {PAYLOAD_BYTES_MAX}"):
        client.commit(**too_much)
    with pytest.raises(ValueError, match="context is"):
        client.decide(**too_long)
    with pytest.raises(ValueError, match="result is"):
        client.record_step(key="k", run_id="r", workflow="w", step="s", result=["x" * 20_000])

    assert gateway.seen == []


def test_an_expire_time_without_a_zone_is_refused(gateway: ScriptedGateway, client: Client) -> None:
    """A naive datetime could mean an hour too late."""
    naive: Write = {**WRITE, "expire_time": datetime(2026, 11, 22, 12)}  # noqa: DTZ001  the mistake under test

    with pytest.raises(ValueError, match="no time zone"):
        client.commit(**naive)

    assert gateway.seen == []
