"""Transcribe: what was said, with what the boundary and the law hide taken out, bounded."""

import json
from dataclasses import replace

from gateway.domain.lifecycle import Thinking
from gateway.domain.limits import TRANSCRIPT_BYTES_MAX
from gateway.domain.reasons import DecideStop
from gateway.ports.agent import Thought
from gateway.stages.think import conclude
from gateway.stages.transcribe import Tape, transcribe
from tests.fakes.rows import decision_row
from tests.unit.gateway.stages.test_think import admissible

ROW = decision_row("dec-1", state=Thinking.THINKING)
THOUGHT = Thought(
    stop=DecideStop.FINAL_RESULT, option="pro", rationale="", detail="", evidence=(), steps=1, tool_calls=0, tokens_in=1, tokens_out=1, spend_micros=0,
    wall_ms=1, model="small", agent_version="9", transcript_sha256=b"\x01" * 32,
)  # fmt: skip


async def test_the_document_says_what_was_said_and_hides_what_it_must() -> None:
    """With the digest of what was really said."""
    of = admissible()
    of = replace(of, context={"team_size": 12, "name": "Ada Léon"}, step=replace(of.step, transcript_kept=True, redact=("/name",)))
    tape = Tape()
    tape.hear("asked", json.dumps({"content": json.dumps({"name": "Ada Léon", "team_size": 12})}).encode())
    tape.hear("answered", b"Ada L\xc3\xa9on, ada@example.com \xff")

    document = json.loads(transcribe(ROW, of, conclude(ROW, of, THOUGHT), tape))

    assert (document["decision"], document["step"], document["agent_version"], document["cut"]) == ("dec-1", "select", "9", False)
    assert document["transcript_sha256"] == "01" * 32
    assert [part["label"] for part in document["parts"]] == ["asked", "answered"]
    assert "Ada" not in json.dumps(document)
    assert "team_size" in document["parts"][0]["text"]
    assert document["parts"][1]["text"] == "[hidden], [hidden] \ufffd"


def test_a_tape_has_an_end() -> None:
    """What does not fit is not taken, nor anything after it, and the document says so."""
    tape = Tape()

    tape.hear("asked", b"x" * TRANSCRIPT_BYTES_MAX)
    tape.hear("answered", b"yy")
    tape.hear("ended", b"")

    assert ([label for label, _ in tape.parts], tape.cut) == (["asked"], True)
