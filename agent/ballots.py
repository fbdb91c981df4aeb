"""Several votes on one question: in which order each is shown the options, what each may use, and what they amount to. Pure.

1. The order of a ballot is a rotation of the declared one: ballot 1 as declared, ballot 2 begins with the second option, and so on, so that
   each option comes first once before any does twice. When all rotations have been used, those of the reversed order follow.
   Nothing is drawn by lot: the same step asks the same ballots every time.
2. A ballot may use an equal share of the steps, tool calls, tokens and money that are left; what it leaves goes to those after it, and the odd
   step or tool call to those before. Fewer steps than ballots are no share at all: nothing is asked that cannot be counted. The wall clock is
   one for all.
3. The option with most ballots is proposed if `agreement_min` ballots named it. A tie at the top proposes nothing: which of two is right is
   exactly what the ballots did not say. An abstention is a ballot for nothing.
4. A ballot that ends in any other way (a limit, a fault, an option outside the list) ends the thinking with its stop.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent.task import Agreement, Limits, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """`option` is "" where the ballots do not agree; `detail` says how they fell."""

    option: str
    detail: str
    agreement: Agreement


def shown(options: Mapping[str, str], *, ballot: int) -> Mapping[str, str]:
    """The options in the order of this ballot, from 1."""
    names = list(options)
    lap, turn = divmod(ballot - 1, len(names))
    if lap % 2:
        names.reverse()
    return {name: options[name] for name in names[turn:] + names[:turn]}


def share(limits: Limits, usage: Usage, *, ballots_left: int) -> Limits:
    """What the next of `ballots_left` ballots may use, as limits on the usage of the whole thinking."""

    def part(used: int, limit: int) -> int:
        return used + max(0, limit - used) // ballots_left

    def counted(used: int, limit: int) -> int:
        return used - (used - limit) // ballots_left if limit > used else used

    steps_left = limits.steps_max - usage.steps
    spend_micros_max = limits.spend_micros_max
    return replace(
        limits,
        steps_max=counted(usage.steps, limits.steps_max) if steps_left >= ballots_left else usage.steps,
        tool_calls_max=counted(usage.tool_calls, limits.tool_calls_max),
        tokens_max=part(usage.tokens_in + usage.tokens_out, limits.tokens_max),
        spend_micros_max=None if spend_micros_max is None else part(usage.spend_micros, spend_micros_max),
    )


def count(cast: Sequence[str], *, votes: int, agreement_min: int) -> Counted:
    """What the ballots amount to; "" is an abstention. Fewer may have been cast than `votes` asked for."""
    tally = Counter(option for option in cast if option).most_common()
    most = tally[0][1] if tally else 0
    leaders = [option for option, ballots in tally if ballots == most]
    agreement = Agreement(votes=votes, agreeing=most, abstained=sum(not option for option in cast), agreement_min=agreement_min)
    if len(leaders) == 1 and most >= agreement_min:
        return Counted(option=leaders[0], detail="", agreement=agreement)
    fell = ", ".join(f"{option} {ballots}" for option, ballots in tally) or "nothing"
    why = "the ballots are tied" if len(leaders) > 1 else f"fewer than {agreement_min} of {votes} ballots agree"
    return Counted(option="", detail=f"{why}: {fell}; {agreement.abstained} abstained", agreement=agreement)
