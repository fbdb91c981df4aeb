"""Rows: what a key says of its generations, and that a row is copied whole."""

import dataclasses
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from gateway.domain.budget import Ledger, Level, Node, NodeRow, Window
from gateway.domain.change import replace
from gateway.domain.records import Generation, KeyName, KeyRow, KeySpace
from tests.fakes.rows import commit_row, decision_row, run_row

NAME = KeyName(KeySpace.COMMIT, "acme", b"K-1")
FIRST, SECOND, THIRD = (Generation(f"c-{n}", b"%d" % n, 1) for n in (1, 2, 3))
KEY = KeyRow(name=NAME, generations=(FIRST, SECOND, THIRD))


def test_a_keys_latest_generation_is_the_last() -> None:
    """Oldest first."""
    assert KEY.latest == THIRD


@pytest.mark.parametrize(("superseded", "successor"), [("c-1", SECOND), ("c-2", THIRD), ("c-3", None), ("c-4", None), ("", None)])
def test_a_generation_is_succeeded_by_the_next(superseded: str, successor: Generation | None) -> None:
    """The last has none, nor has what is not of this key."""
    assert KEY.successor_of(superseded) == successor


def test_a_fingerprint_is_compared_in_its_own_version() -> None:
    """A row of version 1 is bound to a request's version 1 fingerprint, whatever is newest."""
    old = KeyRow(name=NAME, generations=(Generation("c-1", b"one", 1),))

    assert old.bound_to({1: b"one", 2: b"two"})
    assert not old.bound_to({2: b"one"})
    assert not old.bound_to({1: b"two"})
    assert KEY.bound_to({1: b"2"})


def test_rows_are_values() -> None:
    """Moving one makes another."""
    row: Any = commit_row()

    with pytest.raises(FrozenInstanceError):
        row.looks = 1


@pytest.mark.parametrize(
    "row",
    [
        commit_row(),
        decision_row("d-1"),
        run_row(),
        NodeRow(node=Node(Level.RUN, "t", "w", "r", Ledger.SPEND, "USD", Window.DAY), window_start_ms=1, held=2, settled=3),
    ],
)
def test_a_changed_row_is_the_old_one_but_for_what_changed(row: object) -> None:
    """The quick copy is what the standard library would make, field by field; the old row stays."""
    assert dataclasses.is_dataclass(row)
    assert not isinstance(row, type)
    for field in fields(row):
        value = object()
        before = dataclasses.astuple(row)

        quick = replace(row, **{field.name: value})

        assert quick == dataclasses.replace(row, **{field.name: value})
        assert type(quick) is type(row)
        assert getattr(quick, field.name) is value
        assert dataclasses.astuple(row) == before


def test_a_field_that_does_not_exist_cannot_be_changed() -> None:
    """At run time as for the type checker."""
    nonsense: dict[str, Any] = {"nonsense": 1}

    with pytest.raises(TypeError):
        replace(commit_row(), **nonsense)
