"""The envelope of a chat completion: an answer, or a fault of the server that says why."""

import json
from typing import Any

import pytest

from agent.budget import Reported
from agent.models.envelope import read_envelope
from agent.models.port import Answer, ModelFault
from agent.schema import Said
from tests.fakes.model_server import envelope


def test_an_answer_is_taken_apart() -> None:
    """Content, how it ended, what it says it used, and the bytes themselves."""
    body = json.dumps(envelope("{}", usage={"prompt_tokens": 9, "completion_tokens": -3, "total_tokens": "x"})).encode()

    answer = read_envelope(body)

    assert answer == Answer(said=Said(content="{}", truncated=False, refusal=None), reported=Reported(prompt=9, completion=-3, total="x"), raw=body)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"text": "{", "finish": "length"}, Said(content="{", truncated=True, refusal=None)),
        ({"text": None, "refusal": "no"}, Said(content="", truncated=False, refusal="no")),
        ({"text": None, "finish": "content_filter"}, Said(content="", truncated=False, refusal="the server filtered the answer")),
        ({"text": "{}", "finish": None}, Said(content="{}", truncated=False, refusal=None)),
        ({"text": "{}", "refusal": ""}, Said(content="{}", truncated=False, refusal=None)),
    ],
)
def test_how_it_ended_is_kept(said: dict[str, Any], expected: Said) -> None:
    """Cut, refused, filtered or whole."""
    answer = read_envelope(json.dumps(envelope(**said)).encode())

    assert isinstance(answer, Answer)
    assert answer.said == expected


@pytest.mark.parametrize("usage", [None, 7, [], "many"])
def test_usage_that_is_none_is_nothing(usage: object) -> None:
    """The answer stands all the same."""
    answer = read_envelope(json.dumps(envelope("{}", usage=usage)).encode())

    assert isinstance(answer, Answer)
    assert answer.reported == Reported(prompt=None, completion=None, total=None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>busy</html>",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"choices": []}',
        b'{"choices": {}}',
        b'{"choices": [1]}',
        b'{"choices": [{}, {}]}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": []}]}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b'{"choices": [{"message": {"content": ["a"]}}]}',
        b'{"choices": [{"message": {"content": "{}", "refusal": true}}]}',
        b'{"choices": [{"message": {"content": "{}"}, "finish_reason": 1}]}',
        b'{"choices": [{"message": {"content": "{}"}}], "choices": []}',
        b'{"choices": [{"message": {"content": "{}"}}], "usage": {"prompt_tokens": NaN}}',
        b'{"choices": [{"message": {"content": "{}"}}], "usage": {"prompt_tokens": ' + b"9" * 5_000 + b"}}",
    ],
)
def test_anything_else_is_a_fault_that_costs(body: bytes) -> None:
    """The server may have done the work, so the reservation is charged; its words are not repeated."""
    fault = read_envelope(body)

    assert isinstance(fault, ModelFault)
    assert fault.charged
    assert "busy" not in fault.detail
