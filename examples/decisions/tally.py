"""What a row of decisions came to, in numbers: whether each stayed inside its limits, how it ended, how much of what was held was used.

1. A decision is inside when its steps, tool calls, tokens and money are at most the step's, and its wall clock is at most the step's and
   `WALL_SLACK_MS` for the work after the last deadline. Anything else is shown with its numbers and fails the script.
2. Held is what a real Decide holds before the first model call: the step's own limits. Used is what the model's server reported.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.boundary import Step
from gateway.domain.handoffs import Concluded
from gateway.domain.lifecycle import Thinking
from gateway.domain.measures import share

WALL_SLACK_MS: Final = 250


@dataclass(slots=True, kw_only=True)
class OfStep:
    """All decisions of one step."""

    count: int = 0
    inside: int = 0
    right: int = 0
    decided: int = 0
    stops: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    positions: Counter[int] = field(default_factory=Counter)  # where the chosen option stood, call by call
    tokens_held: int = 0
    tokens_used: int = 0
    tokens_share_max: float = 0.0
    wall_share_max: float = 0.0
    split: int = 0  # ballots that did not all say the same


class Tally:
    def __init__(self) -> None:
        self.steps: dict[str, OfStep] = defaultdict(OfStep)
        self.outside: list[str] = []

    def add(self, step: Step, concluded: Concluded, label: str) -> None:
        of, usage, limits = self.steps[step.name], concluded.usage, step.limits
        assert limits is not None, "an agentic step has limits"
        tokens = usage.tokens_in + usage.tokens_out
        pairs = (
            ("steps", usage.steps, limits.steps_max),
            ("tool calls", usage.tool_calls, limits.tool_calls_max),
            ("tokens", tokens, limits.tokens_max),
            ("micros", usage.spend_micros, limits.spend_micros_max),
            ("ms", usage.wall_ms, limits.wall_ms_max + WALL_SLACK_MS),
        )
        beyond = [f"{used} of {most} {what}" for what, used, most in pairs if used > most]
        self.outside += [f"{step.name} {concluded.decision_id}: {', '.join(beyond)}"] if beyond else []
        of.count += 1
        of.inside += not beyond
        of.decided += concluded.state is Thinking.DECIDED
        of.right += concluded.option == label
        of.stops[concluded.stop] += 1
        of.sources[concluded.source or "none"] += 1
        of.positions.update(call.position for call in usage.calls if call.position)
        of.tokens_held += limits.tokens_max
        of.tokens_used += tokens
        of.tokens_share_max = max(of.tokens_share_max, tokens / limits.tokens_max)
        of.wall_share_max = max(of.wall_share_max, usage.wall_ms / limits.wall_ms_max)
        of.split += usage.agreement is not None and len({call.option for call in usage.calls if call.option}) > 1

    def told(self) -> Iterator[str]:
        count, inside = sum(of.count for of in self.steps.values()), sum(of.inside for of in self.steps.values())
        yield f"bounded {inside}/{count}"
        for name, of in self.steps.items():
            right = share(of.right, of.count)
            yield ""
            yield f"{name}: bounded {of.inside}/{of.count}; {_numbers(of.stops.items())}; chosen by {_numbers(of.sources.items())}"
            used = of.tokens_used / of.tokens_held
            yield f"  tokens held {of.tokens_held:,}, used {of.tokens_used:,} ({used:.0%}); at most {of.tokens_share_max:.0%} of a limit"
            yield f"  wall clock at most {of.wall_share_max:.0%} of its limit"
            yield f"  places of what was chosen: {_places(of.positions)}" + (f"; ballots split in {of.split} of {of.count}" if of.split else "")
            yield f"  as labelled {right.value:.0%} ({right.hits}/{right.of}; {right.low:.0%}-{right.high:.0%}): a number about this model, not a promise"
        yield from (f"OUTSIDE {line}" for line in self.outside)


def _numbers(pairs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(pairs, key=lambda pair: -pair[1]))


def _places(positions: Counter[int]) -> str:
    total = sum(positions.values())
    ordered: Sequence[int] = sorted(positions)
    return ", ".join(f"{place}. {positions[place] / total:.0%}" for place in ordered) if total else "none"
