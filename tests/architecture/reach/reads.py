"""What an HTTP read of the agent can be: every method, and every way of filling a slot, tried."""

import itertools
from collections.abc import Iterator, Mapping

from agent.tools.slots import Unfilled, fill
from agent.tools.spec import SlotSpec, SlotType, Source, ToolSpec
from tests.architecture.reach.trying import METHODS, READS, taken, tell

ACCOUNT = SlotSpec(source=Source.CONTEXT, type=SlotType.IDENTIFIER, pointer="/account")


def tool(url: str = "http://h/p", slots: Mapping[str, SlotSpec] | None = None, method: str = "GET") -> ToolSpec:
    return ToolSpec(name="t", description="d", method=method, url_template=url, slots=slots or {}, networks=("10.0.0.0/8",), timeout_ms=1, result_bytes_max=1)


def slot(kind: SlotType, pattern: str, enum: tuple[str, ...]) -> SlotSpec:
    return SlotSpec(source=Source.MODEL, type=kind, pattern=pattern, enum=enum)


def complaints() -> Iterator[str]:
    for method in METHODS:
        if taken(lambda: tool(method=method)) != (method in READS):  # noqa: B023 - called at once
            yield f"HTTP method {method!r} of a read: taken where it must not be, or the other way round"
    for kind, pattern, enum in itertools.product(SlotType, ("", "[a-z]+"), ((), ("a", "b"))):
        if taken(lambda: slot(kind, pattern, enum)):  # noqa: B023 - called at once
            yield from _of_the_model(slot(kind, pattern, enum))
    yield from _of_the_context()


def _of_the_model(made: SlotSpec) -> Iterator[str]:
    if made.type is SlotType.IDENTIFIER:
        yield "the model may fill an identifier"
    if not made.enum and taken(lambda: tool("http://h/{s}", {"s": made})):
        yield f"the model may fill a segment of a path with a {made.type}"
    if made.type is SlotType.STRING and not (made.pattern or made.enum):
        yield "the model may fill free text"


def _of_the_context() -> Iterator[str]:
    read = tool("http://h/{account}", {"account": ACCOUNT})
    if read.model_slots:
        yield "the model is offered a slot of the context"
    if not isinstance(fill(read, args={"account": "foundry"}, context={"account": "harbour"}), Unfilled):
        yield "the model fills a slot of the context"
    filled = fill(read, args={}, context={"account": "harbour"})
    if isinstance(filled, Unfilled) or filled.url != "http://h/harbour":
        yield "a slot of the context is filled with something else"


if __name__ == "__main__":
    tell(complaints())
