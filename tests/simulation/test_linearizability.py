"""The checker on histories that are known to be good or bad, the specification, and a few simulated histories. `make prove` checks thousands, and real ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from tests.simulation.histories import simulated
from tests.simulation.ledger_spec import Claim, End, Everything, Look, Row, Spec, Standing, Switch, What, ends
from tests.simulation.wgl import Op, linearizable


@dataclass(frozen=True, slots=True)
class Write:
    value: int


@dataclass(frozen=True, slots=True)
class Read:
    value: int


def register(value: int, what: Write | Read) -> int | None:
    if isinstance(what, Write):
        return what.value
    return value if what.value == value else None


def op(what: Write | Read, begins_s: float, ends_s: float, *, optional: bool = False) -> Op[Write | Read]:
    return Op(what=what, begins_s=begins_s, ends_s=ends_s, optional=optional)


INF: Final = float("inf")
GOOD: Final = {
    "nothing": [],
    "one after the other": [op(Write(1), 0, 1), op(Read(1), 2, 3)],
    "a read beside a write sees the old": [op(Write(1), 0, 10), op(Read(0), 1, 2), op(Read(1), 3, 4)],
    "two writes at once, in the order that was seen": [op(Write(1), 0, 10), op(Write(2), 0, 10), op(Read(2), 11, 12)],
    "a lost write that happened": [op(Write(1), 0, INF, optional=True), op(Read(0), 1, 2), op(Read(1), 3, 4)],
    "a lost write that never happened": [op(Write(1), 0, INF, optional=True), op(Read(0), 5, 6)],
    "they meet in one instant": [op(Write(1), 0, 1), op(Read(1), 1, 2)],
}
BAD: Final = {
    "a read of what was never written": [op(Read(1), 0, 1)],
    "an old value after a new one": [op(Write(1), 0, 10), op(Read(1), 1, 2), op(Read(0), 3, 4)],
    "a write that is forgotten": [op(Write(1), 0, 1), op(Read(0), 2, 3)],
    "two readers that disagree": [op(Write(1), 0, 10), op(Write(2), 0, 10), op(Read(1), 11, 12), op(Read(2), 13, 14)],
    "a lost write seen before it was sent": [op(Write(1), 5, INF, optional=True), op(Read(1), 0, 1)],
}


@pytest.mark.parametrize("history", GOOD.values(), ids=GOOD.keys())
def test_a_good_history_has_an_order(history: Sequence[Op[Write | Read]]) -> None:
    """Somewhere between each call and its return."""
    assert linearizable(history, 0, register) == ()


def test_lost_operations_that_ask_the_same_are_not_told_apart() -> None:
    """Twelve callers lost each of two writes: a few hundred places, where every choice among them would be a million."""
    lost = [op(Write(1 + number % 2), 0, INF, optional=True) for number in range(24)]

    assert linearizable([*lost, op(Read(1), 1, 2), op(Read(2), 3, 4), op(Read(1), 5, 6)], 0, register, places_max=400) == ()
    assert linearizable([*lost, op(Read(3), 1, 2)], 0, register, places_max=400) != ()


@pytest.mark.parametrize("history", BAD.values(), ids=BAD.keys())
def test_a_bad_history_has_none(history: Sequence[Op[Write | Read]]) -> None:
    """And what fits nowhere is told."""
    assert linearizable(history, 0, register) != ()


ROWS: Final = {
    "K": [
        Row(name="c-1", content="x", amount=60, state="FAILED"), Row(name="c-2", content="y", amount=60, state="SUCCEEDED"),
    ],
    "L": [Row(name="c-3", content="z", amount=60, state="DENIED", reason="BUDGET_EXHAUSTED")],
}  # fmt: skip


def claim(key: str, content: str, expected: str, *, supersedes: str = "") -> Claim:
    return Claim(key=key, content=content, supersedes=supersedes, expected=expected)


def look(key: str, name: str, state: str) -> Look:
    return Look(key=key, name=name, state=state)


def one_by_one(*whats: What) -> list[Op[What]]:
    return [Op(what=what, begins_s=float(place), ends_s=place + 0.5) for place, what in enumerate(whats)]


STORY: Final = (
    claim("K", "x", "c-1"), look("K", "c-1", "FORWARDING"), End("c-1"), look("K", "c-1", "FAILED"), claim("K", "y", "c-2", supersedes="c-1"),
    claim("L", "z", "c-3"), look("L", "c-3", "DENIED"), claim("K", "x", "c-2"), End("c-2"), look("K", "c-2", "SUCCEEDED"), Everything(),
)  # fmt: skip
WRONG: Final = {
    "ended, and then under way": (*STORY[:4], look("K", "c-1", "UNKNOWN"), *STORY[4:]),
    "found before it was made": (look("K", "c-1", "FAILED"), *STORY),
    "not found after it was made": (STORY[0], look("K", "", ""), *STORY[1:]),
    "superseded while it was under way": (STORY[0], claim("K", "y", "c-2", supersedes="c-1"), *STORY[2:4], *STORY[5:]),
    "denied where there was room": (STORY[5], *STORY[:5], *STORY[6:]),
    "admitted under a halt": (Switch(name="h", on=True), *STORY),
    "two answers for one key": (STORY[0], claim("K", "x", "c-2"), *STORY[1:]),
    "another content taken for the same": (STORY[0], claim("K", "w", "c-1"), *STORY[1:]),
    "a row that nobody asked for": STORY[:5] + STORY[7:],
}  # fmt: skip


def test_a_plain_story_is_allowed() -> None:
    """As it was told, and with a halt thrown and lifted before it began."""
    spec = Spec(ROWS, limit=100)

    assert linearizable(one_by_one(*STORY), spec.start(), spec.step) == ()
    assert linearizable(one_by_one(Switch(name="h", on=True), Switch(name="h", on=False), *STORY), spec.start(), spec.step) == ()


def test_a_halt_whose_thrower_was_not_told_is_thrown_before_it_is_lifted() -> None:
    """The denial between them needs it, and what is admitted afterwards needs it lifted."""
    rows = {"K": [Row(name="c-1", content="x", amount=1, state="DENIED", reason="HALTED")], "L": [Row(name="c-2", content="y", amount=1, state="SUCCEEDED")]}
    spec = Spec(rows, limit=100)
    history: list[Op[What]] = [
        Op(what=Switch(name="h", on=True), begins_s=0, ends_s=INF, optional=True), Op(what=claim("K", "x", "c-1"), begins_s=1, ends_s=5),
        Op(what=Switch(name="h", on=False), begins_s=2, ends_s=3), Op(what=claim("L", "y", ""), begins_s=6, ends_s=INF, optional=True),
        Op(what=Everything(), begins_s=9, ends_s=9),
    ]  # fmt: skip

    assert linearizable(history, spec.start(), spec.step) == ()


@pytest.mark.parametrize("story", WRONG.values(), ids=WRONG.keys())
def test_a_story_with_one_thing_wrong_is_not(story: tuple[What, ...]) -> None:
    """Each of them is something that a gateway once could have done."""
    spec = Spec(ROWS, limit=100)

    assert linearizable(one_by_one(*story), spec.start(), spec.step) != ()


def test_a_commit_ends_before_anybody_is_told() -> None:
    """And after the first call for its key. A success that nobody was told of changes no answer; a failure gives back what was held."""
    told = one_by_one(claim("K", "x", "c-1"), look("K", "c-1", "FAILED"))

    found = {one.what.name: (one.begins_s, one.ends_s, one.optional) for one in ends(ROWS, told) if isinstance(one.what, End)}
    untold = {one.what.name: (one.begins_s, one.ends_s, one.optional) for one in ends(ROWS, told[:1]) if isinstance(one.what, End)}
    assert found == {"c-1": (0.0, 1.5, False)}
    assert untold == {"c-1": (0.0, INF, True)}


def test_standing_begins_empty() -> None:
    """One count for each key."""
    assert Spec(ROWS, limit=1).start() == Standing(made=(0, 0))


def test_simulated_histories_are_linearizable() -> None:
    """With crashes, hang-ups and halts; and enough happens for that to mean something."""
    histories = [simulated(f"quick/{number}") for number in range(20)]

    assert [left for one in histories if (left := one.left())] == []
    assert {row.state + row.reason for one in histories for of_key in one.rows.values() for row in of_key} >= {
        "SUCCEEDED", "FAILED", "DENIEDHALTED", "DENIEDBUDGET_EXHAUSTED",
    }  # fmt: skip
    assert any(op.optional for one in histories for op in one.told)
