"""Rows to columns and back, where PostgreSQL's columns are not those of `codec`: free text travels as its bytes, a window is apart from its node."""

from collections.abc import Iterable
from typing import Any, Final

from gateway.adapters.store import codec
from gateway.adapters.store.codec import Columns
from gateway.adapters.store.postgres.statements import columns
from gateway.domain.budget import NodeRow, node_of
from gateway.domain.halts import Halt
from gateway.domain.records import DecisionRow, RunName, RunRow

_NOTE: Final = columns("run").index("note")
_REASON: Final = columns("halt").index("reason")
_LIFT_REASON: Final = columns("halt").index("lift_reason")


def run_name(name: RunName) -> tuple[str, str, str]:
    """The order in which runs are locked: by their bytes."""
    return name.tenant, name.run_id, name.workflow


def decision_of(values: Iterable[Any]) -> DecisionRow:
    *others, rationale = values
    return codec.decision_of((*others, rationale.decode()))


def run_values(row: RunRow) -> Columns:
    return _encoded(codec.run_values(row), _NOTE)


def run_of(values: Iterable[Any]) -> RunRow:
    return codec.run_of(_decoded(values, _NOTE))


def halt_values(halt: Halt) -> Columns:
    return _encoded(codec.halt_values(halt), _REASON, _LIFT_REASON)


def halt_of(values: Iterable[Any]) -> Halt:
    return codec.halt_of(_decoded(values, _REASON, _LIFT_REASON))


def window_of(values: Iterable[Any]) -> NodeRow:
    node_key, window_start_ms, held, settled, collected = values
    return NodeRow(node=node_of(node_key), window_start_ms=window_start_ms, held=held, settled=settled, collected=collected)


def window_values(row: NodeRow) -> Columns:
    return row.node.key, row.window_start_ms, row.held, row.settled, row.collected


def _encoded(values: Columns, *places: int) -> Columns:
    return tuple(value.encode() if place in places else value for place, value in enumerate(values))


def _decoded(values: Iterable[Any], *places: int) -> Columns:
    return tuple(value.decode() if place in places else value for place, value in enumerate(values))
