"""Transcribe: what was said, redacted, as one document; only for a step that asks for it.

1. Whatever is written has been through `domain.redaction` first; what was said stays in memory until the thinking ends and goes with it.
2. Bounded: beyond `TRANSCRIPT_BYTES_MAX` nothing more is taken, and the document says that it was cut.
"""

import json

from gateway.domain.handoffs import Admissible, Concluded
from gateway.domain.limits import TRANSCRIPT_BYTES_MAX
from gateway.domain.records import DecisionRow
from gateway.domain.redaction import hidden_values, redacted


class Tape:
    """Hears one thinking."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, bytes]] = []
        self.cut = False
        self._left = TRANSCRIPT_BYTES_MAX

    def hear(self, label: str, content: bytes) -> None:
        self.cut = self.cut or len(content) > self._left
        if not self.cut:
            self._left -= len(content)
            self.parts.append((label, content))


def transcribe(row: DecisionRow, admissible: Admissible, concluded: Concluded, tape: Tape) -> bytes:
    """The document, as UTF-8 JSON."""
    hidden = hidden_values(admissible.context, admissible.step.redact)
    document = {
        "decision": row.decision_id, "workflow": row.workflow, "step": row.step, "agent_version": concluded.agent_version,
        "transcript_sha256": concluded.transcript_sha256.hex(), "cut": tape.cut,
        "parts": [{"label": label, "text": redacted(content.decode("utf-8", "replace"), hidden)} for label, content in tape.parts],
    }  # fmt: skip
    return json.dumps(document, ensure_ascii=False, indent=1).encode()
