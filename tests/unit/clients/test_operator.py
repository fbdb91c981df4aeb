"""What an operator's client adds to the command's own tests: arguments that make no sense are refused before anything is sent."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from countersign import Outcome
from countersign.operator import HaltScope, Operator, connect_operator
from countersign.v1 import operator_pb2, types_pb2
from tests.unit.gateway.cli.scripted import ScriptedOperator, at


@pytest.fixture
def listener() -> Iterator[ScriptedOperator]:
    with tempfile.TemporaryDirectory(prefix="cs-") as folder:
        scripted = ScriptedOperator(Path(folder))
        scripted.start()
        yield scripted
        scripted.stop()


@pytest.fixture
def client(listener: ScriptedOperator) -> Iterator[Operator]:
    with connect_operator(listener.address) as made:
        yield made


def test_a_commit_is_named_once(client: Operator, listener: ScriptedOperator) -> None:
    """By id or by key, not both, not neither."""
    with pytest.raises(ValueError, match="by commit_id or by key"):
        client.inspect_commit()
    with pytest.raises(ValueError, match="by commit_id or by key"):
        client.inspect_commit(commit_id="c", key="k")

    assert listener.seen == []


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.DENIED, Outcome.UNSPECIFIED])
def test_an_unknown_is_resolved_to_an_end(client: Operator, listener: ScriptedOperator, outcome: Outcome) -> None:
    """SUCCEEDED or FAILED, nothing else."""
    with pytest.raises(ValueError, match="SUCCEEDED or FAILED"):
        client.resolve_commit(commit_id="c", outcome=outcome, evidence="seen")

    assert listener.seen == []


def test_a_scope_travels_whole(client: Operator, listener: ScriptedOperator) -> None:
    """Every field, both ways."""
    scope = HaltScope(tenant="t", workflow="w", step="s", action="a", target="g", model="m", run_id="r")
    wire = operator_pb2.HaltScope(tenant="t", workflow="w", step="s", action="a", target="g", model="m", run_id="r")
    record = operator_pb2.HaltRecord(halt_id="h", scope=wire, create_time=at(0))
    held = types_pb2.BudgetMovement(ledger="writes", held=2)
    listener.says(operator_pb2.HaltResponse(halt=record, inventory=operator_pb2.Inventory(thinking=1, held=[held])))

    thrown = client.halt(scope, reason="x")

    assert listener.seen[0][1] == operator_pb2.HaltRequest(scope=wire, reason="x")
    assert thrown.halt.scope == scope
    assert (thrown.thinking, thrown.held[0].held, thrown.halt.lift_time) == (1, 2, None)
