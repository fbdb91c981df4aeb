"""Assess: a labelled set through a step, variant by variant; how often it was right, when it held back, what it cost and how long it took.

1. A variant is the step with another model or another goal. Every variant sees the same cases in the same order, one at a time.
2. Right is: it named an option of the label, or it abstained where the label is none. Holding back where there is a label is not right.
3. What stopped at a limit or a fault is counted by its stop, and is not right either.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.handoffs import Concluded
from gateway.domain.lifecycle import Thinking
from gateway.domain.measures import Mean, Share, differ_by_chance, mean, share
from gateway.domain.refusal import Refusal
from gateway.service.rehearse import Rehearsal, Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`expected` are the options that are right; none: it should abstain."""

    name: str
    context: bytes
    options: tuple[str, ...]
    expected: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """ "" and () are the step's own."""

    name: str
    models: tuple[str, ...]
    goal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One case under one variant."""

    case: str
    state: str
    option: str
    stop: str
    right: bool
    position: int  # of the chosen option in the order of the step, from 1; 0 without one
    offered: int
    steps: int
    tokens: int
    spend_micros: int
    wall_ms: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """One variant over all cases."""

    variant: Variant
    played: tuple[Played, ...]
    accuracy: Share  # right of all
    precision: Share  # right of those that decided
    abstained: Share
    stopped: Share
    first_listed: Share  # chose what was listed first, of those that decided among several
    stops: Mapping[str, int]
    spend_micros: Mean
    wall_ms: Mean
    tokens: Mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two variants over the same cases."""

    first: str
    second: str
    only_first_right: int
    only_second_right: int
    by_chance: float  # how often equal variants would differ this much


async def assess(
    rehearsal: Rehearsal, cases: Sequence[Case], variant: Variant, *, tenant: str, workflow: str, step: str, told: Callable[[Played], None]
) -> Assessed | Refusal:
    """`told` gets each case as it is done. A refusal is of the first case that the boundary does not take."""
    played: list[Played] = []
    for case in cases:
        scene = Scene(tenant=tenant, workflow=workflow, step=step, context=case.context, options=case.options, models=variant.models, goal=variant.goal)
        concluded = await rehearsal.play(scene)
        if isinstance(concluded, Refusal):
            return Refusal(reason=concluded.reason, message=f"case {case.name}: {concluded.message}", facts=concluded.facts, violations=concluded.violations)
        declared = [*rehearsal.activation.boundary.workflows[workflow].steps[step].options]
        offered = [name for name in declared if name in (case.options or declared)]
        played.append(_played(case, concluded, offered))
        told(played[-1])
    return _assessed(variant, played)


def compare(first: Assessed, second: Assessed) -> Compared:
    pairs = [(one.right, other.right) for one, other in zip(first.played, second.played, strict=True)]
    only_first, only_second = pairs.count((True, False)), pairs.count((False, True))
    return Compared(
        first=first.variant.name, second=second.variant.name, only_first_right=only_first, only_second_right=only_second,
        by_chance=differ_by_chance(only_first, only_second),
    )  # fmt: skip


def _played(case: Case, concluded: Concluded, offered: Sequence[str]) -> Played:
    decided = concluded.state is Thinking.DECIDED
    usage = concluded.usage
    return Played(
        case=case.name, state=concluded.state, option=concluded.option, stop=concluded.stop,
        right=concluded.option in case.expected if decided else concluded.state is Thinking.ABSTAINED and not case.expected,
        position=offered.index(concluded.option) + 1 if decided else 0, offered=len(offered), steps=usage.steps,
        tokens=usage.tokens_in + usage.tokens_out, spend_micros=usage.spend_micros, wall_ms=usage.wall_ms,
        detail="" if decided else concluded.rationale,
    )  # fmt: skip


def _assessed(variant: Variant, played: Sequence[Played]) -> Assessed:
    number = len(played)
    decided = [one for one in played if one.state == Thinking.DECIDED]
    among_several = [one for one in decided if one.offered > 1]
    return Assessed(
        variant=variant, played=tuple(played), accuracy=share(sum(one.right for one in played), number),
        precision=share(sum(one.right for one in decided), len(decided)),
        abstained=share(sum(one.state == Thinking.ABSTAINED for one in played), number),
        stopped=share(sum(one.state == Thinking.STOPPED for one in played), number),
        first_listed=share(sum(one.position == 1 for one in among_several), len(among_several)),
        stops=dict(Counter(one.stop for one in played)), spend_micros=mean([one.spend_micros for one in played]),
        wall_ms=mean([one.wall_ms for one in played]), tokens=mean([one.tokens for one in played]),
    )  # fmt: skip
