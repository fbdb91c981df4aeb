"""Histories of which it is known whether they are linearizable, told as callers were: by hand, or drawn so small that both kinds are frequent."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tests.simulation.history import History
from tests.simulation.ledger_spec import FOREVER_S, Claim, Look, Row, Switch, What
from tests.simulation.wgl import Op

ROWS: Final[Mapping[str, Sequence[Row]]] = {
    "K": [Row(name="c-1", content="x", amount=60, state="FAILED"), Row(name="c-2", content="y", amount=60, state="SUCCEEDED")],
    "L": [Row(name="c-3", content="z", amount=60, state="DENIED", reason="BUDGET_EXHAUSTED")],
}
HALTED: Final[Mapping[str, Sequence[Row]]] = {"K": [Row(name="c-1", content="x", amount=1, state="DENIED", reason="HALTED")]}
ADMITTED: Final[Mapping[str, Sequence[Row]]] = {"K": [Row(name="c-1", content="x", amount=60, state="SUCCEEDED")]}
FAILED: Final[Mapping[str, Sequence[Row]]] = {"K": ROWS["K"][:1]}


def claim(key: str, content: str, told: str, *, supersedes: str = "") -> Claim:
    return Claim(key=key, content=content, supersedes=supersedes, expected=told)


def look(key: str, name: str, state: str, *, newest: bool = False) -> Look:
    return Look(key=key, name=name, state=state, newest=newest)


def at(begins_s: float, ends_s: float, what: What) -> Op[What]:
    return Op(what=what, begins_s=begins_s, ends_s=ends_s)


def lost(begins_s: float, what: What) -> Op[What]:
    return Op(what=what, begins_s=begins_s, ends_s=FOREVER_S, optional=True)


def of(rows: Mapping[str, Sequence[Row]], *told: Op[What], limit: int = 100) -> History:
    return History(told=told, rows=rows, limit=limit)


def in_turn(*whats: What) -> list[Op[What]]:
    return [at(place, place + 0.5, what) for place, what in enumerate(whats)]


THROWN, LIFTED = Switch(name="h", on=True), Switch(name="h", on=False)
TAKEN: Final = claim("K", "x", "c-1")
UNTOLD: Final = claim("K", "x", "")
STORY: Final = (
    TAKEN, look("K", "c-1", "FORWARDING"), look("K", "c-1", "FAILED"), claim("K", "y", "c-2", supersedes="c-1"), claim("L", "z", "c-3"),
    look("L", "c-3", "DENIED"), claim("K", "x", "c-2"), look("K", "c-2", "SUCCEEDED"),
)  # fmt: skip


def _story(*whats: What, limit: int = 100) -> History:
    return of(ROWS, *in_turn(*whats), limit=limit)


GOOD: Final[Mapping[str, History]] = {
    "nothing at all": of({}),
    "only a look at nothing": of({}, at(0, 1, look("K", "", ""))),
    "a plain story": _story(*STORY),
    "the story after a halt": _story(THROWN, LIFTED, *STORY),
    "a key that is used again": _story(STORY[0], claim("K", "w", "IDEMPOTENCY_KEY_REUSED"), *STORY[1:]),
    "superseding what is under way": _story(*STORY[:2], claim("K", "y", "SUPERSEDES_NOT_CURRENT", supersedes="c-1"), *STORY[2:]),
    "superseding what is superseded": _story(*STORY, claim("K", "w", "IDEMPOTENCY_KEY_REUSED", supersedes="c-1"), claim("K", "y", "c-2", supersedes="c-1")),
    "the newest, whenever it is asked for": _story(
        *STORY[:3], look("K", "c-1", "FAILED", newest=True), STORY[3], look("K", "c-1", "FAILED"), look("K", "c-2", "UNKNOWN", newest=True), *STORY[4:]
    ),
    "they meet in one instant": of(ADMITTED, at(0, 1, look("K", "c-1", "FORWARDING")), at(1, 2, TAKEN)),
    "old and new, both while it ends": of(ADMITTED, at(0, 9, TAKEN), at(1, 2, look("K", "c-1", "UNKNOWN")), at(3, 4, look("K", "c-1", "SUCCEEDED"))),
    "a lost call that made it": of(ADMITTED, lost(0, UNTOLD), at(1, 2, look("K", "c-1", "SUCCEEDED"))),
    "a lost call that made it unseen": of(ADMITTED, lost(0, UNTOLD)),
    "a lost call that came late": of(ADMITTED, lost(0, UNTOLD), at(1, 2, look("K", "", "")), at(3, 4, look("K", "c-1", "FORWARDING"))),
    "a lost call that never came": of({}, lost(0, UNTOLD), at(5, 6, look("K", "", ""))),
    "lost calls of one key": of(ADMITTED, lost(0, UNTOLD), lost(1, UNTOLD), lost(2, claim("K", "w", "")), at(3, 4, TAKEN)),
    "a lost halt that came": of(HALTED, lost(0, THROWN), at(1, 2, TAKEN), at(3, 4, LIFTED)),
    "a lost halt that never came": of(ADMITTED, lost(0, THROWN), at(1, 2, TAKEN)),
    "a lost halt that came after it": of(ADMITTED, lost(0, THROWN), at(1, 2, TAKEN), at(3, 4, LIFTED)),
    "a lost lifting that came": of(ADMITTED, at(0, 1, THROWN), lost(2, LIFTED), at(3, 4, TAKEN)),
    "a failure that nobody saw gives back": of(
        {**FAILED, "L": [replace(ADMITTED["K"][0], name="c-3", content="z")]}, at(0, 1, TAKEN), at(2, 3, claim("L", "z", "c-3"))
    ),
}  # fmt: skip
BAD: Final[Mapping[str, History]] = {
    "an old state after a newer one was read": _story(*STORY[:3], look("K", "c-1", "UNKNOWN"), *STORY[3:]),
    "under way after it succeeded": _story(*STORY, look("K", "c-2", "FORWARDING")),
    "found before it was made": _story(look("K", "c-1", "FAILED"), *STORY),
    "not found after it was made": _story(STORY[0], look("K", "", ""), *STORY[1:]),
    "the newest is one that is superseded": _story(*STORY, look("K", "c-1", "FAILED", newest=True)),
    "superseded while it was under way": _story(STORY[0], STORY[3], STORY[1], STORY[2], *STORY[4:]),
    "not superseded though it was known to have failed": _story(*STORY[:3], claim("K", "y", "SUPERSEDES_NOT_CURRENT", supersedes="c-1"), *STORY[3:]),
    "superseded by what is another key's": _story(*STORY[:5], claim("L", "y", "c-2", supersedes="c-1"), *STORY[5:]),
    "denied where there was room": _story(*STORY[4:6], *STORY[:4], *STORY[6:]),
    "admitted where there was none": _story(*STORY, limit=59),
    "more than the limit, both held": of(
        {**ADMITTED, "L": [replace(ADMITTED["K"][0], name="c-3", content="z")]}, at(0, 9, TAKEN), at(0, 9, claim("L", "z", "c-3"))
    ),
    "given back before it had failed": of(
        {**FAILED, "L": [replace(ADMITTED["K"][0], name="c-3", content="z")]},
        at(0, 1, TAKEN), at(2, 3, claim("L", "z", "c-3")), at(4, 5, look("K", "c-1", "UNKNOWN")),
    ),
    "admitted under a halt": _story(THROWN, *STORY),
    "denied for a halt that was lifted": of(HALTED, *in_turn(THROWN, LIFTED, TAKEN)),
    "a halt lifted that nobody threw": of({}, at(0, 1, LIFTED)),
    "two answers for one key": _story(STORY[0], claim("K", "x", "c-2"), *STORY[1:]),
    "two callers with each other's answers": _story(claim("K", "x", "c-3"), *STORY[1:4], claim("L", "z", "c-1"), *STORY[5:]),
    "another content taken for the same": _story(STORY[0], claim("K", "w", "c-1"), *STORY[1:]),
    "the same content taken for another": _story(STORY[0], claim("K", "x", "IDEMPOTENCY_KEY_REUSED"), *STORY[1:]),
    "a row that nobody asked for": _story(*STORY[:4], *STORY[6:]),
    "a row with its call left out": of(FAILED, at(1, 2, look("K", "c-1", "FAILED"))),
    "a lost call seen before it was sent": of(ADMITTED, at(0, 1, look("K", "c-1", "FORWARDING")), lost(2, UNTOLD)),
    "a lost call that came, and then had not": of(ADMITTED, lost(0, UNTOLD), at(1, 2, look("K", "c-1", "UNKNOWN")), at(3, 4, look("K", "", ""))),
    "a lost call of another content": of(ADMITTED, lost(0, claim("K", "w", "")), at(1, 2, look("K", "c-1", "SUCCEEDED"))),
    "a lost halt that was lifted twice": of({}, lost(0, THROWN), at(1, 2, LIFTED), at(3, 4, LIFTED)),
    "a lost halt that denied, and was not there": of(HALTED, lost(0, THROWN), at(1, 2, LIFTED), at(3, 4, TAKEN)),
}  # fmt: skip


def drawn(draw: random.Random) -> History:
    """Two keys, two contents, a halt; a few calls at about the same time, some of them lost, answered with what is not always so."""
    rows = {key: [_row(draw, f"{key}-{number}") for number in range(draw.choice([1, 1, 2]))] for key in draw.choice(["K", "L", "KL"])}
    told = [_call(draw, _asked(draw, key, of_key, place)) for key, of_key in rows.items() for place in range(len(of_key))]
    told += [_call(draw, _any(draw, rows)) for _ in range(draw.randint(0, 3))]
    return History(told=[op for op in told if not (op.optional and isinstance(op.what, Look))], rows=rows, limit=draw.choice([60, 120, 180]))


def _row(draw: random.Random, name: str) -> Row:
    state, reason = draw.choice([("SUCCEEDED", ""), ("SUCCEEDED", ""), ("FAILED", ""), ("FAILED", ""), ("DENIED", "HALTED"), ("DENIED", "BUDGET_EXHAUSTED")])
    return Row(name=name, content=draw.choice("xy"), amount=60, state=state, reason=reason)


def _asked(draw: random.Random, key: str, of_key: Sequence[Row], place: int) -> Claim:
    """What makes a row, mostly."""
    row = draw.choice(of_key) if draw.random() < 0.1 else of_key[place]
    return claim(key, row.content, row.name, supersedes=of_key[place - 1].name if place else "")


def _any(draw: random.Random, rows: Mapping[str, Sequence[Row]]) -> What:
    key = draw.choice([*rows])
    row = draw.choice(rows[key])
    match draw.randrange(4):
        case 0:
            return draw.choice([THROWN, LIFTED])
        case 1:
            return claim(key, draw.choice("xy"), draw.choice([row.name, "IDEMPOTENCY_KEY_REUSED"]))
        case 2:
            return claim(key, draw.choice("xy"), draw.choice([row.name, "SUPERSEDES_NOT_CURRENT"]), supersedes=draw.choice(rows[key]).name)
        case _:
            newest = draw.random() < 0.5
            return draw.choice([look(key, "", ""), look(key, row.name, row.state, newest=newest), look(key, row.name, "UNKNOWN", newest=newest)])


def _call(draw: random.Random, what: What) -> Op[What]:
    """At whole seconds, so that calls often meet in one instant."""
    begins_s = float(draw.randint(0, 6))
    if draw.random() < 0.3:
        return lost(begins_s, replace(what, expected="") if isinstance(what, Claim) else what)
    return at(begins_s, begins_s + draw.randint(0, 4), what)
