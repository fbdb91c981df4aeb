"""A gateway process with two MCP servers, real ones: one lists what was pinned, the other has changed since."""

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.subscription.theatre import HERE, Theatre, free_ports
from tests.e2e.scenes import decided, until
from tests.fakes.processes import served

COUNTERSIGN = str(Path(sys.executable).with_name("countersign"))
PIN = "4af3529674c066ed7523433e7cdb766513ba1d582dbf5a5f84e08101abd2ebc0"
TOOL = f"""\
    networks: [127.0.0.1/32]
    tools:
      search:
        tool: search_notes
        description: What was noted about the account.
        read_only: true
        pin: {PIN}
        arguments: {{account: {{from: context, pointer: /account, type: identifier}}}}
        fixed: {{topic: seats, limit: 3}}
"""


@pytest.fixture(scope="module")
def notes() -> Iterator[str]:
    with served("tests.fakes.mcp_notes") as base_url:
        yield base_url


@pytest.fixture
def diagnostics(stage: Theatre, notes: str) -> str:
    """Everything running, with a step that reads from both servers. Where its readiness is."""
    (port,) = free_ports(1)
    shutil.copytree(HERE / "activation", stage.folder / "activation")
    boundary = stage.folder / "activation" / "boundary.yaml"
    reads = "reads: [billing.list_plans, notes.search, changed.search]"
    boundary.write_text(boundary.read_text().replace("reads: [billing.list_plans]", reads))
    settings = stage.write_settings()
    text = settings.read_text().replace(f"path: {HERE / 'activation'}", f"path: {stage.folder / 'activation'}")
    servers = f"mcp:\n  notes:\n    url: {notes}/honest/mcp\n{TOOL}  changed:\n    url: {notes}/poisoned/mcp\n{TOOL}"
    settings.write_text(f'{text}\ndiagnostics: {{address: "127.0.0.1:{port}"}}\n{servers}')
    stage.start()
    return f"http://127.0.0.1:{port}/readyz"


def test_one_tool_is_read_and_the_other_is_disabled_loudly(stage: Theatre, diagnostics: str) -> None:
    """In the log from the start, at readiness, in the decision's evidence, in the story of the run; and the decision is made all the same."""
    log = stage.logs / "gateway.log"
    until(lambda: "tool_disabled" in log.read_text(), "the look at the pinned tools")
    with stage.client() as client:
        decision = decided(client, "r-mcp", "harbour")
    with urllib.request.urlopen(diagnostics, timeout=5) as answer:  # noqa: S310 - our own gateway, on the loopback
        ready = answer.read().decode()
    story = subprocess.run(
        [COUNTERSIGN, "run", "show", "r-mcp", "--workflow", "activate_subscription", "--tenant", "acme", "--gateway", stage.address("operator")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    (disabled,) = [event for event in events if event["event"] == "tool_disabled"]
    evidence = {one.tool: one for one in decision.evidence}
    assert (disabled["tool"], disabled["level"]) == ("changed.search", "error")
    assert disabled["detail"].startswith("its description or schema is not the pinned one (pinned 4af3529674c0, seen ")
    assert ready == f"ready\nhint: tool changed.search is disabled: {disabled['detail']}\n"
    assert (evidence["notes.search"].ok, evidence["notes.search"].note) == (True, "")
    assert (evidence["changed.search"].ok, evidence["changed.search"].note) == (False, f"it was not called, it is disabled: {disabled['detail']}")
    assert "it is disabled: its description or schema is not the pinned one" in " ".join(story.stdout.split()), story.stderr
