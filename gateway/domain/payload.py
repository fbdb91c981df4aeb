"""What a payload says: the path it fills, what it costs, whether it carries what was decided. Over the scanned document, by the boundary's pointers.

1. There is no caller-supplied cost: amounts are read where the boundary says, as integers 0 … 10^15, or the write is denied.
2. A slot is percent-encoded whole and never becomes an empty or a dot segment, nor one once a server has decoded it: a proxy that takes
   `x%2F..%2Fadmin` apart must not write somewhere else than policy judged. The final path is part of what policy judges.
"""

import re
from typing import Final
from urllib.parse import quote

from gateway.domain.boundary import Action, Slot
from gateway.domain.budget import Cost
from gateway.domain.limits import AMOUNT_MAX, KEY_BYTES_MAX
from gateway.domain.pointer import Absent, read
from gateway.domain.reasons import Reason
from gateway.domain.records import Note
from gateway.domain.refusal import Refusal, malformed

_SEPARATORS: Final = re.compile(r"[/\\]")
_BAD_SEGMENTS: Final = frozenset({"", ".", ".."})


def costs_of(action: Action, document: object) -> tuple[Cost, ...] | Note:
    """The costs in the boundary's order, or why one is unreadable."""
    costs = []
    for rule in action.costs:
        amount = read(document, rule.pointer) if rule.pointer else rule.amount
        if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= AMOUNT_MAX:
            seen = "nothing" if isinstance(amount, Absent) else _shape(amount)
            facts = {"pointer": rule.pointer, "expected": f"integer 0 to {AMOUNT_MAX}", "seen": seen}
            return Note(reason=Reason.COST_UNREADABLE, facts=facts)
        costs.append(Cost(ledger=rule.ledger, currency=rule.currency, amount=amount))
    return tuple(costs)


def drift(action: Action, document: object, option: str) -> Note | None:
    """The first bound pointer that does not say the decided option."""
    for pointer in action.bind:
        seen = read(document, pointer)
        if seen != option:
            shown = "nothing" if isinstance(seen, Absent) else seen[:64] if isinstance(seen, str) else _shape(seen)
            return Note(reason=Reason.PAYLOAD_DRIFT, facts={"pointer": pointer, "expected": option, "seen": shown})
    return None


def path_of(action: Action, document: object) -> str | Refusal:
    """The final path, or why a slot cannot be filled."""
    path = action.path
    for name, slot in action.slots.items():
        filled = _segment(name, slot, read(document, slot.pointer))
        if isinstance(filled, Refusal):
            return filled
        path = path.replace("{" + name + "}", filled)
    return path


def _segment(name: str, slot: Slot, value: object) -> str | Refusal:
    where = f"payload{slot.pointer}"
    if slot.type == "integer" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if slot.type != "string" or not isinstance(value, str):
        return malformed(where, f"path slot {name} needs a {slot.type}, seen {'nothing' if isinstance(value, Absent) else _shape(value)}")
    if len(value.encode()) > KEY_BYTES_MAX or _BAD_SEGMENTS & set(_SEPARATORS.split(value)) or any(char < " " or char == "\x7f" for char in value):
        return malformed(where, f"path slot {name} needs 1 to {KEY_BYTES_MAX} bytes, no control characters, no empty or dot segment")
    return quote(value, safe="")


def _shape(value: object) -> str:
    """The JSON type of a value, and an integer's digits; never text."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return f"integer {value}"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
