"""The gateway as a sequential thing, for the checker: what a Commit, a Get, a Halt may answer after those that came before it.

1. What the store holds in the end is known (`Row`s); what is asked is whether the answers along the way can be told in one order that leads there.
2. A Commit is two operations between its call and its return: it claims (or is denied, refused, or finds its twin), and it sees how its commit stands.
3. A commit ends at some moment after it was claimed and before anybody was told so.
4. A claim is admitted where no halt is in force and the budget has room for it; else it is denied for that very reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.simulation.wgl import Op

FOREVER_S: Final = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One generation of a key, as it is stored in the end."""

    name: str
    content: str
    amount: int
    state: str
    reason: str = ""  # of a denial


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`expected`: the row it was told of, or the reason it was refused; "" when it was told nothing."""

    key: str
    content: str
    supersedes: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Somebody was told how a commit stands; `name` "" that there is none under the key. `newest`: of the key's generations, which is what was asked."""

    key: str
    name: str
    state: str
    newest: bool = False


@dataclass(frozen=True, slots=True)
class End:
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A halt is thrown, or lifted; only what was thrown is lifted."""

    name: str
    on: bool


@dataclass(frozen=True, slots=True)
class Everything:
    """The last operation: every row is there."""


What = Claim | Look | End | Switch | Everything


@dataclass(frozen=True, slots=True)
class Standing:
    """How many generations each key has, in the order of `Spec.keys`; which commits have ended; which halts are in force."""

    made: tuple[int, ...]
    ended: frozenset[str] = frozenset()
    halts: frozenset[str] = frozenset()


@dataclass(slots=True)
class Spec:
    rows: Mapping[str, Sequence[Row]]  # by key, oldest generation first
    limit: int
    keys: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.keys = sorted(self.rows)

    def start(self) -> Standing:
        return Standing(made=(0,) * len(self.keys))

    def step(self, standing: Standing, what: What) -> Standing | None:
        match what:
            case Claim():
                return self._claim(standing, what)
            case Look():
                return standing if self._seen(standing, what) else None
            case End(name=name):
                return self._end(standing, name)
            case Switch(name=name, on=on):
                halts = standing.halts | {name} if on else standing.halts - {name}
                return None if halts == standing.halts else Standing(standing.made, standing.ended, halts)
            case Everything():
                return standing if all(made == len(self.rows[key]) for made, key in zip(standing.made, self.keys, strict=True)) else None

    def _made(self, standing: Standing, key: str) -> Sequence[Row]:
        return self.rows[key][: standing.made[self.keys.index(key)]] if key in self.rows else ()

    def _claim(self, standing: Standing, claim: Claim) -> Standing | None:
        made = self._made(standing, claim.key)
        answer = self._answer(standing, claim, made)
        if answer is not None:
            return standing if claim.expected in {answer, ""} else None
        rows = self.rows.get(claim.key, ())
        if len(made) == len(rows):
            return None  # it would make a row that is not there in the end: it never happened
        row = rows[len(made)]
        if row.content != claim.content or claim.expected not in {row.name, ""} or row.reason != self._denied(standing, row):
            return None
        place = self.keys.index(claim.key)
        return Standing((*standing.made[:place], len(made) + 1, *standing.made[place + 1 :]), standing.ended, standing.halts)

    def _answer(self, standing: Standing, claim: Claim, made: Sequence[Row]) -> str | None:
        """The twin's name or the reason of a refusal; None where it may claim."""
        contents, names = [row.content for row in made], [row.name for row in made]
        if not claim.supersedes:
            if not made:
                return None
            return names[-1] if claim.content in contents else "IDEMPOTENCY_KEY_REUSED"
        if claim.supersedes not in names:
            return "SUPERSEDES_NOT_CURRENT"
        place = names.index(claim.supersedes)
        if place + 1 < len(made):
            return names[place + 1] if contents[place + 1] == claim.content else "IDEMPOTENCY_KEY_REUSED"
        latest = made[place]
        ended = latest.state == "DENIED" or (latest.state == "FAILED" and latest.name in standing.ended)
        return None if ended else "SUPERSEDES_NOT_CURRENT"

    def _denied(self, standing: Standing, row: Row) -> str:
        """The reason that a claim of this row must have been denied for, "" when it must have been admitted."""
        if standing.halts:
            return "HALTED"
        if row.reason.startswith("POLICY_"):
            return row.reason  # whatever the policy thought; it is asked before the budgets
        used = sum(
            one.amount for key in self.keys for one in self._made(standing, key)
            if one.state != "DENIED" and not (one.state == "FAILED" and one.name in standing.ended)
        )  # fmt: skip
        return "BUDGET_EXHAUSTED" if used + row.amount > self.limit else ""

    def _seen(self, standing: Standing, look: Look) -> bool:
        made = self._made(standing, look.key)
        if not look.name:
            return not made
        row = next((one for one in made if one.name == look.name), None)
        if row is None or (look.newest and row is not made[-1]):
            return False
        if look.state in {"FORWARDING", "UNKNOWN", "IN_PROGRESS"}:
            return row.state != "DENIED" and row.name not in standing.ended
        return row.state == look.state and (row.state == "DENIED" or row.name in standing.ended)

    def _end(self, standing: Standing, name: str) -> Standing | None:
        claimed = any(one.name == name for key in self.keys for one in self._made(standing, key))
        return Standing(standing.made, standing.ended | {name}, standing.halts) if claimed else None


def ends(rows: Mapping[str, Sequence[Row]], told: Sequence[Op[What]]) -> list[Op[What]]:
    """The moments at which commits ended: after the first call for their key, before anybody was told."""
    found: list[Op[What]] = []
    for key, of_key in rows.items():
        begins_s = min((op.begins_s for op in told if isinstance(op.what, Claim) and op.what.key == key), default=0.0)
        for row in of_key:
            seen = [op.ends_s for op in told if isinstance(op.what, Look) and (op.what.name, op.what.state) == (row.name, row.state)]
            if row.state == "FAILED" or (row.state == "SUCCEEDED" and seen):  # a success that nobody was told of is seen in nothing else
                found.append(Op(what=End(row.name), begins_s=begins_s, ends_s=min(seen, default=FOREVER_S), optional=not seen))
    return found
