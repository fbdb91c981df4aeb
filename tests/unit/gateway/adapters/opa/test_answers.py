"""The wrapper's wire: questions in, answers out, nothing believed that was not asked."""

import json

import pytest

from gateway.adapters.opa.answers import encode, fresh_id, read_answers, read_error
from gateway.ports.policy import Document, Erred, PolicyAnswer, Undefined


def test_inputs_are_spliced_as_the_bytes_they_are() -> None:
    """Not one byte of a question is re-encoded."""
    body = encode({"q1": b'{"a" : 1.0}', "q2": b"{}"})

    assert body == b'{"input":{"q1":{"a" : 1.0},"q2":{}}}'


def test_ids_are_never_used_twice() -> None:
    """An answer that comes late fits no later question."""
    ids = {fresh_id() for _ in range(1_000)}

    assert len(ids) == 1_000


def test_a_document_and_an_undefined_are_told_apart_from_no_answer() -> None:
    """One value, none, and an id that is missing."""
    answers = read_answers(b'{"result":{"a":[{"allow":true}],"b":[]}}', ("a", "b", "c"))

    expected: dict[str, PolicyAnswer] = {"a": Document({"allow": True}), "b": Undefined()}
    assert answers == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"result":null}',
        b'{"result":{"a":[1]},"warning":{}}',
        b'{"result":{"a":[1],"stranger":[1]}}',
        b'{"result":{"a":[1],"a":[2]}}',
        b'{"result":{"a":[{"allow":true,"allow":false}]}}',
        b'{"result":{"a":[NaN]}}',
        b'{"result":{"a":[1]}} trailing',
        b'{"result":{"a":[' + b"[" * 40 + b"]" * 40 + b"]}}",
        b'\xff{"result":{"a":[1]}}',
    ],
)
def test_a_response_that_is_not_exactly_what_was_asked_for_answers_nobody(body: bytes) -> None:
    """Duplicate keys, strangers, NaN, trailing bytes: none of it is believed."""
    assert read_answers(body, ("a",)) == {}


@pytest.mark.parametrize("given", ["null", "1", "true", "{}", "[1,2]"])
def test_an_answer_of_another_shape_is_no_answer(given: str) -> None:
    """A list of one or none, nothing else."""
    assert read_answers(f'{{"result":{{"a":{given},"b":[1]}}}}'.encode(), ("a", "b")) == {"b": Document(1)}


def opa_error(code: str, message: str) -> bytes:
    place = {"file": "authors/countersign/commit/verdict.rego", "row": 8, "col": 1}
    return json.dumps({"code": "internal_error", "message": "…", "errors": [{"code": code, "message": message, "location": place}]}).encode()


def test_a_conflict_is_the_questions_doing_and_says_where() -> None:
    """The engine's sentence and the author's line."""
    erred = read_error(500, opa_error("eval_conflict_error", "complete rules must not produce multiple outputs"))

    assert erred == Erred("eval_conflict_error at authors/countersign/commit/verdict.rego:8: complete rules must not produce multiple outputs")


def test_a_builtins_complaint_does_not_carry_the_callers_value() -> None:
    """`to_number: strconv.ParseFloat: parsing "secret"` stops after the builtin's name."""
    erred = read_error(500, opa_error("eval_builtin_error", 'to_number: strconv.ParseFloat: parsing "s3cr3t"'))

    assert erred == Erred("eval_builtin_error at authors/countersign/commit/verdict.rego:8: to_number refused its argument")


def test_a_long_message_is_cut() -> None:
    """At most 500 characters."""
    erred = read_error(500, opa_error("eval_conflict_error", "x" * 5_000))

    assert erred is not None
    assert len(erred.message) == 500


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"code":"internal_error","message":"disk on fire"}'),
        (500, opa_error("eval_cancel_error", "caller cancelled query execution")),
        (500, opa_error("storage_error", "x")),
        (500, b"not json"),
        (401, b'{"code":"unauthorized","message":"x"}'),
        (404, opa_error("eval_conflict_error", "x")),
        (503, b"{}"),
    ],
)
def test_the_engines_own_trouble_is_nobodys_verdict(status: int, body: bytes) -> None:
    """What is not the question's doing is a fault, not a denial."""
    assert read_error(status, body) is None
