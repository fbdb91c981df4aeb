"""A model that says what it was told to say: a first-class test double, not a mock.

1. Answers come in order; the last one is given again and again.
2. It remembers every question, so that a test can read what was asked.
"""

import json
from collections.abc import Mapping, Sequence

from agent.budget import Reported
from agent.models.port import Answer, AtOnce, ModelFault, Question
from agent.schema import Said

Script = Sequence[Mapping[str, object] | str | Answer | ModelFault]


class ScriptedModel(AtOnce):
    """`script`: step objects, raw content, whole answers or faults. A step object is reported to have used 100 tokens in and 20 out."""

    def __init__(self, script: Script) -> None:
        if not script:
            raise ValueError("a script holds at least one answer")
        self._script = script
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> Answer | ModelFault:
        said = self._script[min(len(self.asked), len(self._script) - 1)]
        self.asked.append(question)
        if isinstance(said, Answer | ModelFault):
            return said
        content = said if isinstance(said, str) else json.dumps(said)
        reported = Reported(prompt=100, completion=20, total=120)
        return Answer(said=Said(content=content, truncated=False, refusal=None), reported=reported, raw=content.encode("utf-8", "surrogatepass"))

    async def close(self) -> None:
        """Nothing is held open."""
