"""A chat completion's envelope: read strictly, believed in nothing.

1. One choice with one message is an answer. Content that is no step object is the model's mistake and is read elsewhere;
   an envelope that is none is the server's fault.
2. Usage is carried as whatever JSON it is; `agent.budget` knows what to believe.
"""

from agent.budget import Reported
from agent.models.port import Answer, ModelFault
from agent.schema import Said
from agent.strict_json import NotStrict, parse

_NOT_ANSWERED = "content_filter"
_CUT = "length"


def read_envelope(body: bytes) -> Answer | ModelFault:
    """The answer in the body of an HTTP 200."""
    try:
        envelope = parse(body)
    except NotStrict as error:
        return _fault(str(error))
    if not isinstance(envelope, dict):
        return _fault("it is not a JSON object")
    choices = envelope.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return _fault("it does not hold exactly one choice")
    message = choices[0].get("message")
    if not isinstance(message, dict):
        return _fault("its choice holds no message")
    content, refusal, finish = message.get("content"), message.get("refusal"), choices[0].get("finish_reason")
    if not isinstance(content, str | None) or not isinstance(refusal, str | None) or not isinstance(finish, str | None):
        return _fault("its message has fields of the wrong type")
    refused = refusal or ("the server filtered the answer" if finish == _NOT_ANSWERED else None)
    return Answer(said=Said(content=content or "", truncated=finish == _CUT, refusal=refused), reported=_reported(envelope.get("usage")), raw=body)


def _reported(usage: object) -> Reported:
    if not isinstance(usage, dict):
        return Reported(prompt=None, completion=None, total=None)
    return Reported(prompt=usage.get("prompt_tokens"), completion=usage.get("completion_tokens"), total=usage.get("total_tokens"))


def _fault(why: str) -> ModelFault:
    return ModelFault(detail=f"its answer is not a chat completion: {why}", charged=True, lasting=True)
