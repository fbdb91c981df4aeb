"""The step object: what the model is asked to answer, and how its answer is read as if the server had promised nothing.

1. `{"action": "call_tool|decide|abstain", "tool": enum, "args": {...}, "option": enum, "rationale": "..."}`; the option stands before
   the action, since a small model chooses better when it names the thing first. Rationale before, after or not at all.
2. Read locally, always: strict JSON, known keys, the fields its action needs, arguments that are exactly the tool's.
3. An option is compared by nothing here: a decision names any string, and the loop fails closed on one outside the list.
4. `strict` schemas use only keywords that every server with a strict mode takes; the others are enforced locally either way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.strict_json import NotStrict, parse
from agent.task import RATIONALE_CHARS_MAX, RationaleOrder, Task, ToolCard
from agent.tools.spec import SlotSpec, SlotType
from agent.transcript import Abstained, Decided, Malformed, Refused, Reply, ToolWanted
from agent.untrusted import as_data, as_prose

RATIONALE_CHARS_ASKED: Final = 120  # one sentence; a small model fills whatever it is given
CONTENT_CHARS_MAX: Final = 16 * 1024
EXCERPT_CHARS_MAX: Final = 300

CALL_TOOL: Final = "call_tool"
DECIDE: Final = "decide"
ABSTAIN: Final = "abstain"
_KEYS: Final = frozenset({"action", "tool", "args", "option", "rationale"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a model server delivered. `truncated`: it stopped for length, so whatever stands there is not whole."""

    content: str
    truncated: bool
    refusal: str | None


class _Wrong(Exception):
    """The answer is not a step object; the message is for the model."""


def step_schema(task: Task, *, tools: tuple[ToolCard, ...], strict: bool) -> Mapping[str, object]:
    """The JSON Schema of the next answer; without tools it offers no `call_tool`."""
    actions = [CALL_TOOL, DECIDE, ABSTAIN] if tools else [DECIDE, ABSTAIN]
    fields: dict[str, object] = {"option": {"type": "string", "enum": list(task.options)}, "action": {"type": "string", "enum": actions}}
    if tools:
        fields["tool"] = {"type": "string", "enum": [tool.name for tool in tools]}
        if any(tool.slots for tool in tools):
            fields["args"] = _args_schema(tools, strict=strict)
    rationale = {"type": "string"} if strict else {"type": "string", "maxLength": RATIONALE_CHARS_ASKED}
    if task.rationale is RationaleOrder.BEFORE:
        fields = {"rationale": rationale, **fields}
    elif task.rationale is RationaleOrder.AFTER:
        fields = {**fields, "rationale": rationale}
    return _closed(fields)


def _args_schema(tools: tuple[ToolCard, ...], *, strict: bool) -> Mapping[str, object]:
    shapes: list[Mapping[str, object]] = [_closed({})]
    shapes += [_closed({name: _slot_schema(slot, strict=strict) for name, slot in tool.slots.items()}) for tool in tools if tool.slots]
    return {"anyOf": shapes}


def _slot_schema(slot: SlotSpec, *, strict: bool) -> Mapping[str, object]:
    if slot.type is SlotType.INTEGER:
        return {"type": "integer"}
    if slot.enum:
        return {"type": "string", "enum": list(slot.enum)}
    return {"type": "string"} if strict else {"type": "string", "maxLength": slot.max_len}


def _closed(fields: Mapping[str, object]) -> Mapping[str, object]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def read_reply(said: Said, *, tools: tuple[ToolCard, ...]) -> Reply:
    """What an answer amounts to. `tools` are those it was offered."""
    if said.refusal is not None:
        return Refused(rationale=as_prose(said.refusal, chars_max=RATIONALE_CHARS_MAX))
    if said.truncated:
        return _malformed("it was cut off before its end; answer more briefly", said.content, truncated=True)
    try:
        return _read_step(said.content, tools)
    except (NotStrict, _Wrong) as error:
        return _malformed(str(error), said.content)


def _malformed(error: str, content: str, *, truncated: bool = False) -> Malformed:
    excerpt = as_data(as_prose(content[: EXCERPT_CHARS_MAX * 4], chars_max=EXCERPT_CHARS_MAX))
    return Malformed(error=error, excerpt=excerpt, truncated=truncated)


def _read_step(content: str, tools: tuple[ToolCard, ...]) -> Reply:
    if len(content) > CONTENT_CHARS_MAX:
        raise _Wrong(f"it is longer than {CONTENT_CHARS_MAX} characters")
    step = parse(content)
    if not isinstance(step, dict):
        raise _Wrong("it is not one JSON object")
    if not step.keys() <= _KEYS:
        raise _Wrong(f"its keys must be among {', '.join(sorted(_KEYS))}")
    rationale = as_prose(_text(step, "rationale", otherwise=""), chars_max=RATIONALE_CHARS_MAX)
    match step.get("action"):
        case "decide":
            return Decided(option=_text(step, "option", otherwise=None), rationale=rationale)
        case "abstain":
            return Abstained(rationale=rationale)
        case "call_tool" if tools:
            return _read_call(step, {tool.name: tool for tool in tools})
        case "call_tool":
            raise _Wrong("no tool can be called now; action must be decide or abstain")
    raise _Wrong("action must be one of " + ", ".join([CALL_TOOL, DECIDE, ABSTAIN] if tools else [DECIDE, ABSTAIN]))


def _text(step: Mapping[str, object], key: str, *, otherwise: str | None) -> str:
    value = step.get(key, otherwise)
    if not isinstance(value, str):
        raise _Wrong(f"{key} must be a string")
    return value


def _read_call(step: Mapping[str, object], tools: Mapping[str, ToolCard]) -> ToolWanted:
    name = _text(step, "tool", otherwise=None)
    if name not in tools:
        raise _Wrong("tool must be one of " + ", ".join(tools))
    args, slots = step.get("args", {}), tools[name].slots
    if not isinstance(args, dict) or args.keys() != slots.keys():
        raise _Wrong(f"args of {name} must be an object with exactly these keys: {', '.join(slots) or 'none'}")
    for key, slot in slots.items():
        complaint = slot.complaint(args[key])
        if complaint:
            raise _Wrong(f"args.{key} {complaint}")
    return ToolWanted(tool=name, args=args)
