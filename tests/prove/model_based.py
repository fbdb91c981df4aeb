"""Programs drawn by Hypothesis, asked of a store and of the reference model. A case is ten programs of up to fifty steps."""

from dataclasses import replace
from traceback import format_tb

from hypothesis.errors import HypothesisException

from tests.fakes.postgres import Server
from tests.fakes.postgres import programs as server_programs
from tests.prove.suite import Assignment, Report, each
from tests.simulation.machine import PostgresMachine, SqliteMachine, StoreMachine
from tests.simulation.programs import programs

_PROGRAMS = 10
_STEPS = 50
_MACHINES = {"memory": StoreMachine, "sqlite": SqliteMachine, "postgres": PostgresMachine}
_TURNS = ("memory", *("sqlite", "postgres") * 4)  # the real ones are what it is about


def run(given: Assignment) -> Report:
    """A case is named by its store and its number; the seed of its programs comes from both and from the run's."""
    ran = dict.fromkeys(_MACHINES, 0)
    PostgresMachine.server = server = Server(server_programs())

    def try_out(case: str) -> str:
        store, _, _ = case.partition("/")
        ran[store] += 1
        try:
            programs(_MACHINES[store], seeded=given.draw(case).getrandbits(32), count=_PROGRAMS, steps=_STEPS)
        except (AssertionError, HypothesisException) as wrong:
            where = "".join(format_tb(wrong.__traceback__)[-1:])
            return "\n".join([str(wrong)[:1_000], where, *getattr(wrong, "__notes__", [])])[:4_000]
        return ""

    try:
        server.start()
        report = each(given, [f"{_TURNS[number % len(_TURNS)]}/{number}" for number in range(given.volume)], try_out)
    finally:
        server.end()
    return replace(report, counted={f"over {store}": count for store, count in ran.items()})
