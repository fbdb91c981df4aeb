"""One thing in a history is made wrong, or unsaid: what a gateway could have done that it must not.

1. `SURELY` are those after which no order is left, whatever the history was. After the others there may be one; the judges have to agree on it.
2. The history itself is not touched. The same chance spoils it in the same way.
3. A few of the calls without an answer are kept: where there is no order every one of them has to be tried everywhere, which takes long with many.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tests.simulation.history import History
from tests.simulation.ledger_spec import FOREVER_S, Claim, Look, Switch, What
from tests.simulation.wgl import Op

ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "DENIED"})
_UNANSWERED_MAX: Final = 5
Spoil = Callable[[History, random.Random], History | None]


def _under_way_again(history: History, draw: random.Random) -> History | None:
    """Somebody was told how it ended, and later that it is under way."""
    seen = [op for op in history.told if isinstance(op.what, Look) and op.what.state in ENDED]
    return _looked_later(history, draw, seen, lambda look: replace(look, state="UNKNOWN"))


def _not_there_any_more(history: History, draw: random.Random) -> History | None:
    """Somebody was told of a commit, and later that there is none."""
    seen = [op for op in history.told if isinstance(op.what, Look) and op.what.name]
    return _looked_later(history, draw, seen, lambda look: replace(look, name="", state=""))


def _seen_too_early(history: History, draw: random.Random) -> History | None:
    """Somebody was told of a commit before anybody had asked for one."""
    seen = [op for op in history.told if isinstance(op.what, Look) and op.what.name]
    first_s = min((op.begins_s for op in history.told), default=0.0)
    return replace(history, told=[replace(draw.choice(seen), begins_s=first_s - 2, ends_s=first_s - 1), *history.told]) if seen else None


def _over_the_limit(history: History, draw: random.Random) -> History | None:
    """What succeeded costs more than there was."""
    spent = sum(row.amount for of_key in history.rows.values() for row in of_key if row.state == "SUCCEEDED")
    return replace(history, limit=spent - draw.randint(1, spent)) if spent else None


def _halted_all_along(history: History, draw: random.Random) -> History | None:
    """A halt was thrown before anything was asked, and never lifted."""
    admitted = [row for of_key in history.rows.values() for row in of_key if row.state != "DENIED"]
    first_s = min((op.begins_s for op in history.told), default=0.0)
    halt: Op[What] = Op(what=Switch(name="all along", on=True), begins_s=first_s - 2, ends_s=first_s - 1)
    return replace(history, told=[halt, *history.told]) if admitted else None


def _nobody_asked(history: History, draw: random.Random) -> History | None:
    """A key has a commit, and no call for it."""
    keys = [key for key, of_key in sorted(history.rows.items()) if of_key]
    if not keys:
        return None
    key = draw.choice(keys)
    return replace(history, told=[op for op in history.told if not (isinstance(op.what, Claim) and op.what.key == key)])


def _a_call_less(history: History, draw: random.Random) -> History | None:
    if not history.told:
        return None
    place = draw.randrange(len(history.told))
    return replace(history, told=[*history.told[:place], *history.told[place + 1 :]])


def _a_return_less(history: History, draw: random.Random) -> History | None:
    """A call has no answer any more: it leaves as much room as before, or more."""
    places = [place for place, op in enumerate(history.told) if not op.optional and not isinstance(op.what, Look)]
    if not places:
        return None
    place = draw.choice(places)
    op = history.told[place]
    what: What = replace(op.what, expected="") if isinstance(op.what, Claim) else op.what
    lost = replace(op, what=what, ends_s=FOREVER_S, optional=True)
    return replace(history, told=[*history.told[:place], lost, *history.told[place + 1 :]])


def _answers_swapped(history: History, draw: random.Random) -> History | None:
    """Two callers got each other's answer."""
    places = [place for place, op in enumerate(history.told) if isinstance(op.what, Claim) and not op.optional]
    if len(places) < 2:
        return None
    told = [*history.told]
    one, other = draw.sample(places, 2)
    first, second = told[one].what, told[other].what
    assert isinstance(first, Claim)
    assert isinstance(second, Claim)
    told[one] = replace(told[one], what=replace(first, expected=second.expected))
    told[other] = replace(told[other], what=replace(second, expected=first.expected))
    return replace(history, told=told)


def _another_end(history: History, draw: random.Random) -> History | None:
    """The store says of a commit that it failed."""
    places = [(key, place) for key, of_key in sorted(history.rows.items()) for place, row in enumerate(of_key) if row.state == "SUCCEEDED"]
    if not places:
        return None
    key, place = draw.choice(places)
    of_key = history.rows[key]
    failed = replace(of_key[place], state="FAILED")
    return replace(history, rows={**history.rows, key: [*of_key[:place], failed, *of_key[place + 1 :]]})


def _looked_later(history: History, draw: random.Random, seen: Sequence[Op[What]], changed: Callable[[Look], Look]) -> History | None:
    if not seen:
        return None
    op = draw.choice(seen)
    assert isinstance(op.what, Look)
    later: Op[What] = Op(what=changed(op.what), begins_s=op.ends_s + 1e-6, ends_s=op.ends_s + 1.0)
    return replace(history, told=[*history.told, later])


SURELY: Final[Mapping[str, Spoil]] = {
    "under way again": _under_way_again,
    "not there any more": _not_there_any_more,
    "seen too early": _seen_too_early,
    "over the limit": _over_the_limit,
    "halted all along": _halted_all_along,
    "nobody asked": _nobody_asked,
}
PERHAPS: Final[Mapping[str, Spoil]] = {
    "a call less": _a_call_less,
    "a return less": _a_return_less,
    "answers swapped": _answers_swapped,
    "another end": _another_end,
}


def thinned(history: History, draw: random.Random) -> History:
    unanswered = [place for place, op in enumerate(history.told) if op.optional]
    kept = {*draw.sample(unanswered, min(len(unanswered), _UNANSWERED_MAX))}
    return replace(history, told=[op for place, op in enumerate(history.told) if not op.optional or place in kept])


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    name: str
    history: History
    surely: bool  # no order is left


def spoilt(history: History, draw: random.Random) -> Spoilt | None:
    """One way that it can be spoilt in; None where it is too empty for any."""
    ways, thinner = {**SURELY, **PERHAPS}, thinned(history, draw)
    for name in draw.sample([*ways], len(ways)):
        worse = ways[name](thinner, draw)
        if worse is not None:
            return Spoilt(name=name, history=worse, surely=name in SURELY)
    return None
