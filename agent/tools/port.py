"""What the runner needs of a tool: one read, bounded, and a result whatever happens.

1. Every end is a `Result`: what went wrong is said in `note`, for the model and for a person, and never holds a credential.
2. `ok` means that all of what was asked for is in `body`. What is cut is not ok and says so.
3. The deadline of the run is kept by the caller, who cancels; the tool's own timeout is kept by the tool and is a result.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    arguments: Mapping[str, str | int]
    body: bytes  # as it came, cut at the cap; empty when there is none to show
    note: str
    ok: bool
    cached: bool = False  # taken from memory: the same read was made before, in the same decision or run


class Tool(Protocol):
    """A read. It writes nothing anywhere and answers within its own timeout."""

    async def call(self, *, args: Mapping[str, str | int], context: Mapping[str, object], traceparent: str) -> Result: ...


class PinnedTool(Tool, Protocol):
    """A tool that is called only while it is what somebody looked at."""

    async def look(self) -> str:
        """Looks without calling: why it cannot be looked at, "" when it can."""
        ...
