"""Every RPC cancelled by its caller at every await of its way, on a real server. A case is one point of one scenario."""

import asyncio
from dataclasses import replace

from tests.prove.suite import Assignment, Report, each, evenly
from tests.simulation.cancelled_calls import SCENARIOS
from tests.simulation.cancelling import cancel_at

_POINTS_MAX = 64


async def _points(name: str, place: str) -> int:
    """How many a scenario has: as many as until its call comes to no more."""
    number = 0
    while number < _POINTS_MAX and (await cancel_at(SCENARIOS[name], place, number)).at:
        number += 1
    return number


def run(given: Assignment) -> Report:
    names = [] if given.only else [(name, place) for name in SCENARIOS for place in ("port", "turn")]
    counts = {(name, place): asyncio.run(_points(name, place)) for name, place in names}
    cases = evenly([f"{name}/{place}/{number}" for (name, place), count in counts.items() for number in range(count)], given.volume)

    def try_out(case: str) -> str:
        name, place, number = case.split("/")
        cancelled = asyncio.run(cancel_at(SCENARIOS[name], place, int(number)))
        return "\n".join(cancelled.wrong) or ("" if cancelled.at else f"{case} is no point any more")

    report = each(given, cases, try_out)
    return replace(report, note=f"{len(SCENARIOS)} scenarios")
