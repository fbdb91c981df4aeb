"""The README's example, run as it stands."""

import re
from pathlib import Path

import pytest

from countersign.v1 import gateway_pb2
from tests.unit.clients.scripted import Reply, ScriptedGateway, committed, decided
from tests.unit.clients.test_run import RECORDED, finished

README = Path(__file__).parents[3] / "clients/python/README.md"


def example(address: str) -> str:
    block = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert block is not None
    assert block[1].count("unix:/run/countersign/workflow.sock") == 1
    return block[1].replace("unix:/run/countersign/workflow.sock", address)


@pytest.mark.parametrize(
    ("replies", "methods"),
    [
        ((committed("SUCCEEDED"), finished("FINAL_RESULT")), ["RecordStep", "Decide", "Commit", "FinishRun"]),
        ((committed("DENIED"), finished("FAILED")), ["RecordStep", "Decide", "Commit", "FinishRun"]),
    ],
    ids=["succeeded", "denied"],
)
def test_the_example_runs(gateway: ScriptedGateway, replies: tuple[Reply, ...], methods: list[str]) -> None:
    """From the first import to the end of the run, for a success and for a denial."""
    gateway.says(RECORDED, decided("DECIDED", option="team_pro"), *replies)

    exec(compile(example(gateway.address), str(README), "exec"), {})  # noqa: S102  the project's own README

    assert gateway.methods == methods
    commit = gateway.sent("Commit")[0]
    assert isinstance(commit, gateway_pb2.CommitRequest)
    assert b'"plan":"team_pro"' in commit.payload
