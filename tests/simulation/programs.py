"""Runs programs of a state machine by seed: the same seed draws the same programs."""

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.machine import StoreMachine


def programs(machine: type[StoreMachine], *, seeded: int, count: int, steps: int) -> None:
    """Raises what the smallest failing program raises; Hypothesis prints that program."""
    bounds = settings(
        max_examples=count, stateful_step_count=steps, deadline=None, database=None, print_blob=False, report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink), suppress_health_check=[*HealthCheck],
    )  # fmt: skip
    fresh: type[StoreMachine] = type(machine.__name__, (machine,), {})  # a seed stays on the class it is given to
    run_state_machine_as_test(seed(seeded)(fresh), settings=bounds)
