"""The official SDK against any OpenAI-compatible server, kept to one plain request.

1. `max_retries=0`: a retry is a step that the loop counts. Nothing waits for a Retry-After.
2. The body is taken as bytes and read by `envelope`; no model class of the SDK is trusted with it.
3. Every exception of the SDK becomes a `ModelFault` in one place; no request, body or key is in its words.
4. Free of charge are only a connection that was never made and a 4xx: the server read no prompt into a model.
5. A fault is lasting unless this very question may have been the cause: its size, its words, its deadline.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx2
import openai
from openai.types.chat import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionMessageParam,
    ChatCompletionSystemMessageParam,
    ChatCompletionUserMessageParam,
)
from openai.types.shared_params import ResponseFormatJSONSchema

from agent.models.bounded_http import AnswerUnfit, BoundedTransport
from agent.models.envelope import read_envelope
from agent.models.port import Answer, AtOnce, ModelFault, Question
from agent.models.spec import ModelSpec
from agent.prompt import Message
from agent.untrusted import as_seen

SEED: Final = 7
_NO_KEY: Final = "none"  # the SDK insists on one; the transport puts the real one in, if any
_HTTP_OK: Final = 200
_REFUSED_UNREAD: Final = range(400, 500)
_OF_THE_QUESTION: Final = frozenset({400, 413, 422})


class _Faulted(Exception):
    def __init__(self, fault: ModelFault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


class OpenAIChat(AtOnce):
    """One model behind `/chat/completions`. How many questions are out at once is `agent.models.turns`' business."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        transport = BoundedTransport(api_key=spec.api_key, ca_file=spec.ca_file)
        http = httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)
        self._client = openai.AsyncOpenAI(api_key=_NO_KEY, base_url=spec.base_url, max_retries=0, http_client=http)
        self._completions = self._client.chat.completions.with_raw_response  # here, since the SDK imports on first use and would block the loop

    async def ask(self, question: Question) -> Answer | ModelFault:
        try:
            with _translated():
                body = await self._send(question)
        except _Faulted as faulted:
            return faulted.fault
        return read_envelope(body)

    async def _send(self, question: Question) -> bytes:
        sampling: dict[str, float | int] = {"temperature": 0, "seed": SEED} if self._spec.greedy else {}
        schema: ResponseFormatJSONSchema = {
            "type": "json_schema",
            "json_schema": {"name": "step", "strict": self._spec.strict_schema, "schema": dict(question.schema)},
        }
        response = await self._completions.create(
            model=self._spec.model,
            messages=[_param(message) for message in question.messages],
            response_format=schema,
            max_completion_tokens=question.completion_tokens_max,
            extra_body=sampling,
            extra_headers={"traceparent": question.traceparent} if question.traceparent else {},
            timeout=max(0.001, question.deadline_s - asyncio.get_running_loop().time()),
        )
        if response.status_code != _HTTP_OK:
            raise _Faulted(ModelFault(detail=f"it answered HTTP {response.status_code}", charged=True, lasting=True))
        return response.content

    async def close(self) -> None:
        await self._client.close()


def _param(message: Message) -> ChatCompletionMessageParam:
    match message.role:
        case "system":
            return ChatCompletionSystemMessageParam(role="system", content=message.content)
        case "assistant":
            return ChatCompletionAssistantMessageParam(role="assistant", content=message.content)
    return ChatCompletionUserMessageParam(role="user", content=message.content)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except openai.APIStatusError as error:
        raise _Faulted(_of_status(error)) from error
    except openai.APIConnectionError as error:
        raise _Faulted(_of_connection(error.__cause__)) from error
    except httpx2.HTTPError as error:
        raise _Faulted(_of_connection(error)) from error
    except openai.OpenAIError as error:
        raise _Faulted(ModelFault(detail=f"the SDK could not use its answer ({type(error).__name__})", charged=True, lasting=True)) from error


def _of_status(error: openai.APIStatusError) -> ModelFault:
    wait = as_seen(error.response.headers.get("retry-after", ""), chars_max=32)
    hint = f" and asks to wait {wait!r}" if wait else ""
    detail = f"it answered HTTP {error.status_code}{hint}"
    return ModelFault(detail=detail, charged=error.status_code not in _REFUSED_UNREAD, lasting=error.status_code not in _OF_THE_QUESTION)


def _of_connection(cause: BaseException | None) -> ModelFault:
    match cause:
        case httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.UnsupportedProtocol():
            return ModelFault(detail="no connection could be made", charged=False, lasting=True)
        case AnswerUnfit():
            return ModelFault(detail=str(cause), charged=True, lasting=True)
        case httpx2.TimeoutException():
            return ModelFault(detail="no answer in time", charged=True)
    return ModelFault(detail=f"the connection broke before a whole answer came ({type(cause).__name__})", charged=True, lasting=True)
