"""The document that Rego is asked about: typed by us, with the caller's bytes spliced in as they were scanned."""

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.policy_input import CommitInput, DecideInput, RunInput, encode
from gateway.domain.strict_json import NotStrict, scan

WRITE = CommitInput(
    tenant="acme", caller="signup", workflow="w", step="s", mode="deterministic", action="a", risk="low", target="t", method="POST", path="/p", option="",
    decision=None, costs=[], run=RunInput(id="r", steps=0, elapsed_ms=0), budgets=[], time_ms=1, activation_number=1, revision="é",
)  # fmt: skip
QUESTION = DecideInput(
    tenant="acme", caller="signup", workflow="w", step="s", mode="agentic", options=["a"], models=["m"], tools=[], costs=[],
    run=RunInput(id="r", steps=0, elapsed_ms=0), budgets=[], time_ms=1, activation_number=1, revision="r",
)  # fmt: skip


@pytest.mark.parametrize(("document", "beside"), [(WRITE, "payload"), (QUESTION, "context")])
def test_every_field_stands_beside_the_callers_document(document: CommitInput | DecideInput, beside: str) -> None:
    """And nothing else does: what policy sees is declared."""
    seen = json.loads(encode(document, spliced=b'{"a":1}'))

    assert {*seen} == {field.name for field in fields(document)} | {beside}
    assert seen[beside] == {"a": 1}


@pytest.mark.parametrize("spliced", [b"1", b" [ 1 ,2 ] ", b'{"a":1000000000000000}', '{"é":"ü"}'.encode()])
def test_the_bytes_are_never_encoded_again(spliced: bytes) -> None:
    """Spaces and all."""
    assert encode(WRITE, spliced=spliced).endswith(b',"payload":' + spliced + b"}")


def test_text_is_utf8_not_escapes() -> None:
    """One way to write a string."""
    assert '"revision":"é"'.encode() in encode(WRITE, spliced=b"{}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('abcé"\\', max_size=4), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_what_passed_the_scan_is_one_document_inside_ours(value: object) -> None:
    """It cannot close our object, nor add a field to it."""
    spliced = json.dumps(value).encode()
    if isinstance(scan(spliced), NotStrict):
        return

    seen = json.loads(encode(WRITE, spliced=spliced))

    assert seen.pop("payload") == value
    bare = json.loads(encode(WRITE, spliced=b"0"))
    assert bare.pop("payload") == 0
    assert seen == bare
