"""The wire of the wrapper: questions spliced into one request, and its answer read as strictly as anything from outside.

1. Inputs are spliced as the bytes they are. Ids are fresh for every request and hold a secret of this process: an answer to another
   request, or a question that tried to pose as its neighbour, fits no id.
2. An answer counts only when the whole response is strict JSON of exactly the expected shape; one that is not answers nobody.
3. Of the engine's own errors only those of evaluation are a question's fault; what it says of a builtin's argument is left out,
   since arguments are the caller's data.
"""

import itertools
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.domain import strict_json
from gateway.ports.policy import Document, Erred, PolicyAnswer, Undefined

ANSWER_BYTES_MAX: Final = 32 * 1024  # for each question of a request
_MESSAGE_CHARS_MAX: Final = 500
_QUESTIONS: Final = itertools.count()
_SECRET: Final = secrets.token_hex(8)
_SPEAKS_OF_VALUES: Final = frozenset({"eval_builtin_error", "eval_type_error"})
_ENGINES_FAULT: Final = frozenset({"eval_cancel_error", "eval_internal_error"})


def fresh_id() -> str:
    return f"{_SECRET}-{next(_QUESTIONS)}"


def encode(inputs: Mapping[str, bytes]) -> bytes:
    """Id → question, as the wrapper's input."""
    return b'{"input":{' + b",".join(b'"' + asked.encode() + b'":' + document for asked, document in inputs.items()) + b"}}"


def read_answers(body: bytes, ids: Sequence[str]) -> dict[str, PolicyAnswer]:
    """The answers by id; whatever is missing was not answered. Empty when the response as a whole is not what was asked for."""
    response = strict_json.scan(body)
    if not isinstance(response, dict) or response.keys() != {"result"}:
        return {}
    result = response["result"]
    if not isinstance(result, dict) or result.keys() - set(ids):
        return {}
    return {asked: answer for asked, given in result.items() if (answer := _answer(given)) is not None}


def _answer(given: object) -> PolicyAnswer | None:
    match given:
        case []:
            return Undefined()
        case [value]:
            return Document(value)
        case _:
            return None


def read_error(status: int, body: bytes) -> Erred | None:
    """What a single question made the engine say; None when that was not the question's doing."""
    said = strict_json.scan(body)
    if not isinstance(said, dict):
        return None
    if status == 400:
        return Erred(_bounded(f"{said.get('code')}: {said.get('message')}"))
    errors = said.get("errors")
    if status != 500 or not isinstance(errors, list) or not errors or not isinstance(error := errors[0], dict):
        return None
    code = str(error.get("code"))
    if not code.startswith("eval_") or code in _ENGINES_FAULT:
        return None
    return Erred(_bounded(f"{code} at {_place(error.get('location'))}: {_sentence(code, str(error.get('message')))}"))


def _sentence(code: str, message: str) -> str:
    return f"{message.split(':', 1)[0]} refused its argument" if code in _SPEAKS_OF_VALUES else message


def _place(location: object) -> str:
    return f"{location.get('file')}:{location.get('row')}" if isinstance(location, dict) else "an unknown place"


def _bounded(text: str) -> str:
    return text[:_MESSAGE_CHARS_MAX]
