"""What has been said so far: the reads made beforehand, then answers of models and results of tools, in order.

1. A transcript only grows; the loop reads nothing else to know what comes next.
2. A reply is what an answer of a model amounts to once it has been read by `agent.schema`; it is one of the closed list below.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from agent.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A well-formed decision. `option` is not yet known to be one of the task's."""

    option: str
    rationale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstained:
    rationale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolWanted:
    tool: str
    args: Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """`error` is ours; `excerpt` is the model's, bounded and fit to be shown to it again."""

    error: str
    excerpt: str
    truncated: bool = False  # cut off by length


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The model or its server would not answer at all."""

    rationale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulted:
    """No usable answer came from the model `model`."""

    model: str
    detail: str


Reply = Decided | Abstained | ToolWanted | Malformed | Refused | Faulted


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What a tool gave: `text` is untrusted; `note` is ours and says what is wrong with it, "" when nothing is."""

    tool: str
    arguments: Mapping[str, str | int]
    text: str
    note: str


Turn = Reply | Returned


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    task: Task
    reads: tuple[Returned, ...]
    turns: tuple[Turn, ...]
    faulted: tuple[Faulted, ...] = ()  # in ballots before this one: those models are not asked again

    @property
    def faults(self) -> tuple[Faulted, ...]:
        return self.faulted + tuple(turn for turn in self.turns if isinstance(turn, Faulted))


class TranscriptDigest:
    """SHA-256 over length-prefixed, labelled parts, begun with the decision's id: equal words in two decisions digest differently."""

    def __init__(self, *, decision_id: str, agent_version: str) -> None:
        self._hash = hashlib.sha256()
        self.add("agent_version", agent_version.encode())
        self.add("decision_id", decision_id.encode())

    def add(self, label: str, content: bytes) -> None:
        name = label.encode()
        self._hash.update(len(name).to_bytes(8, "big") + name + len(content).to_bytes(8, "big") + content)

    def value(self) -> bytes:
        return self._hash.digest()
