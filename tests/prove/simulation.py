"""Simulated runs by seed: every port simulated, virtual time, crashes, hang-ups and faults; a case is one run."""

from collections import Counter
from dataclasses import replace

from tests.prove.suite import Assignment, Report, each
from tests.simulation.run import simulate

_LINES = 40
_TWICE_EVERY = 50


def run(given: Assignment) -> Report:
    """Some runs are made twice: the same seed must leave the same trace."""
    counted: Counter[str] = Counter()

    def try_out(case: str) -> str:
        made = simulate(f"{given.seed}/{case}")
        counted.update(made.ended)
        counted["boots"] += made.boots
        if int(case) % _TWICE_EVERY == 0 and simulate(f"{given.seed}/{case}").trace_hash != made.trace_hash:
            return "the same seed left another trace"
        if given.only:
            print("\n".join(made.said))
        return "\n".join(made.wrong[:_LINES])

    report = each(given, map(str, range(given.volume)), try_out)
    return replace(report, counted=counted)
