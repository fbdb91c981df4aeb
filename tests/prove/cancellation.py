"""Every RPC cancelled by its caller at every await of its way, on a real server. A case is one point of one scenario."""

import asyncio
from dataclasses import replace

from tests.prove.suite import Assignment, Report, each, evenly
from tests.simulation.cancelled_calls import SCENARIOS
from tests.simulation.cancelling import cancel_at

_POINTS_MAX = 64


async def _points(name: str) -> int:
    """How many a scenario has: as many as until its call comes to no more."""
    number = 0
    while number < _POINTS_MAX and (await cancel_at(SCENARIOS[name], number)).at:
        number += 1
    return number


def run(given: Assignment) -> Report:
    counts = {} if given.only else {name: asyncio.run(_points(name)) for name in SCENARIOS}
    cases = evenly([f"{name}/{number}" for name, count in counts.items() for number in range(count)], given.volume)

    def try_out(case: str) -> str:
        name, _, number = case.partition("/")
        cancelled = asyncio.run(cancel_at(SCENARIOS[name], int(number)))
        return "\n".join(cancelled.wrong) or ("" if cancelled.at else f"{case} is no point any more")

    report = each(given, cases, try_out)
    return replace(report, note=f"{len(SCENARIOS)} scenarios")
