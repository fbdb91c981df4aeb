"""The SDK against a real server: what leaves, how much is taken, and what every failure is called."""

import asyncio
import json
import socket

import pytest

from agent.models.bounded_http import ANSWER_BYTES_MAX
from agent.models.openai_chat import OpenAIChat
from agent.models.port import Answer, ModelFault, Question
from agent.models.spec import ModelSpec
from agent.prompt import Message
from tests.fakes.model_server import (
    Behaviour,
    ModelServer,
    body,
    decides,
    envelope,
    floods,
    resets,
    status,
    stops_halfway,
    zipped,
)
from tests.unit.agent.made import FREE

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def spec(base_url: str, *, api_key: str | None = None, greedy: bool = True) -> ModelSpec:
    return ModelSpec(name="m", base_url=base_url, model="tiny", api_key=api_key, price=FREE, concurrency_max=1, greedy=greedy)


def question(traceparent: str = "") -> Question:
    return Question(
        messages=(
            Message(role="system", content="s"),
            Message(role="user", content="u"),
            Message(role="assistant", content="a"),
            Message(role="user", content="v"),
        ),
        schema={"type": "object"},
        completion_tokens_max=99,
        deadline_s=asyncio.get_running_loop().time() + 5,
        traceparent=traceparent,
    )


async def asked(behaviour: Behaviour) -> Answer | ModelFault:
    async with ModelServer(behaviour) as server:
        model = OpenAIChat(spec(server.base_url))
        try:
            return await model.ask(question())
        finally:
            await model.close()


async def test_one_plain_request_leaves() -> None:
    """Everything in it is said here: nothing of the SDK's own."""
    async with ModelServer(decides("team_pro")) as server:
        model = OpenAIChat(spec(server.base_url, api_key="k-1"))
        answer = await model.ask(question(TRACE))
        await model.close()

    assert isinstance(answer, Answer)
    assert server.asked == [
        {
            "model": "tiny",
            "messages": [{"role": role, "content": content} for role, content in (("system", "s"), ("user", "u"), ("assistant", "a"), ("user", "v"))],
            "response_format": {"type": "json_schema", "json_schema": {"name": "step", "strict": False, "schema": {"type": "object"}}},
            "max_completion_tokens": 99,
            "temperature": 0,
            "seed": 7,
        }
    ]
    assert {name.lower() for name in server.headers[0]} == {
        "host", "accept", "connection", "content-length", "content-type", "user-agent", "traceparent", "accept-encoding", "authorization",
    }  # fmt: skip
    assert server.headers[0]["Authorization"] == "Bearer k-1"
    assert server.headers[0]["traceparent"] == TRACE


async def test_nothing_of_the_environment_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK would send a key, an organisation and headers of the environment to whatever server is configured, through its proxy."""
    for name, value in {
        "OPENAI_API_KEY": "sk-of-somebody", "OPENAI_ADMIN_KEY": "ak", "OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT_ID": "proj-1",
        "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer ambient\nX-Ambient: yes", "HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    async with ModelServer(decides("team_pro")) as server:
        model = OpenAIChat(spec(server.base_url))
        answer = await model.ask(question())
        await model.close()

    assert isinstance(answer, Answer)
    assert not {"authorization", "openai-organization", "openai-project", "x-ambient"} & {name.lower() for name in server.headers[0]}


async def test_a_model_that_is_not_greedy_is_sent_no_sampling() -> None:
    """Some reasoning models refuse a temperature."""
    async with ModelServer(decides("team_pro")) as server:
        model = OpenAIChat(spec(server.base_url, greedy=False))
        await model.ask(question())
        await model.close()

    assert not {"temperature", "seed"} & server.asked[0].keys()


@pytest.mark.parametrize(
    ("behaviour", "detail", "charged"),
    [
        pytest.param(status(500), "it answered HTTP 500", True, id="500"),
        pytest.param(status(503), "it answered HTTP 503", True, id="503"),
        pytest.param(status(401), "it answered HTTP 401", False, id="401"),
        pytest.param(status(429, headers={"Retry-After": "120"}), "it answered HTTP 429 and asks to wait '120'", False, id="429"),
        pytest.param(status(204), "it answered HTTP 204", True, id="204"),
        pytest.param(status(307, headers={"Location": "/v1/elsewhere"}), "it answered HTTP 307", True, id="redirect"),
        pytest.param(floods(10_000_000), f"its answer is larger than {ANSWER_BYTES_MAX} bytes", True, id="10 MB"),
        pytest.param(floods(10_000_000, code=500), f"its answer is larger than {ANSWER_BYTES_MAX} bytes", True, id="10 MB of error"),
        pytest.param(zipped("team_pro"), "its answer is compressed though it was asked not to be", True, id="compressed"),
        pytest.param(stops_halfway("team_pro"), "the connection broke before a whole answer came (RemoteProtocolError)", True, id="half a body"),
        pytest.param(resets(), "the connection broke before a whole answer came", True, id="reset"),
        pytest.param(body(b"<html>"), "its answer is not a chat completion", True, id="no JSON"),
    ],
)
async def test_every_failure_is_a_fault_with_a_name(behaviour: Behaviour, detail: str, *, charged: bool) -> None:
    """And says whether the server may have done the work."""
    fault = await asked(behaviour)

    assert isinstance(fault, ModelFault)
    assert detail in fault.detail
    assert fault.charged is charged
    assert fault.lasting


@pytest.mark.parametrize("code", [400, 413, 422])
async def test_what_the_question_itself_may_have_caused_is_not_lasting(code: int) -> None:
    """A context that is too long must not put the model aside for everybody else."""
    fault = await asked(status(code))

    assert fault == ModelFault(detail=f"it answered HTTP {code}", charged=False)


async def test_nothing_is_sent_twice() -> None:
    """No retry, no redirect: one question, one request."""
    for behaviour in (status(500), status(429, headers={"Retry-After": "0"}), status(307, headers={"Location": "/v1/chat/completions"}), resets()):
        async with ModelServer(behaviour) as server:
            model = OpenAIChat(spec(server.base_url))
            await model.ask(question())
            await model.close()

        assert len(server.asked) == 1


async def test_nobody_listens() -> None:
    """Free: no byte of the question left."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    model = OpenAIChat(spec(f"http://127.0.0.1:{port}/v1"))

    fault = await model.ask(question())
    await model.close()

    assert fault == ModelFault(detail="no connection could be made", charged=False, lasting=True)


async def test_an_answer_of_the_largest_size_is_read() -> None:
    """The other side of the bound."""
    whole = json.dumps(envelope("{}")).encode()

    answer = await asked(body(whole + b" " * (ANSWER_BYTES_MAX - len(whole))))

    assert isinstance(answer, Answer)


@pytest.mark.parametrize("key", ["", "two words", "line\n", "schlüssel"])
def test_a_key_that_is_no_header_is_refused_early(key: str) -> None:
    """A file with a newline at its end is the usual mistake; the message does not show the key."""
    with pytest.raises(ValueError, match="one line of visible ASCII") as raised:
        spec("http://127.0.0.1:1/v1", api_key=key)

    assert not key or key not in str(raised.value)


def test_a_key_is_not_in_what_is_printed() -> None:
    """Neither by repr nor by a log that prints the spec."""
    assert "k-secret" not in repr(spec("http://127.0.0.1:1/v1", api_key="k-secret"))


@pytest.mark.parametrize("base_url", ["127.0.0.1/v1", "ftp://x/v1", "http://u:p@x/v1", "http://x/v1?key=1"])
def test_a_base_url_that_is_none_is_refused(base_url: str) -> None:
    """It says what to write."""
    with pytest.raises(ValueError, match="base_url must be"):
        spec(base_url)
