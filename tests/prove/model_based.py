"""Programs drawn by Hypothesis, asked of a store and of the reference model. A case is ten programs of up to fifty steps."""

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


def run(given: Assignment) -> Report:
    """A case is named by its store and its number; the seed of its programs comes from both and from the run's."""
    PostgresMachine.server = server = Server(server_programs())

    def try_out(case: str) -> str:
        store, _, _ = case.partition("/")
        try:
            programs(_MACHINES[store], seeded=given.draw(case).getrandbits(32), count=_PROGRAMS, steps=_STEPS)
        except (AssertionError, HypothesisException) as wrong:
            where = "".join(format_tb(wrong.__traceback__)[-1:])
            return "\n".join([str(wrong)[:1_000], where, *getattr(wrong, "__notes__", [])])[:4_000]
        return ""

    try:
        server.start()
        return each(given, [f"{store}/{number}" for number in range(given.volume // len(_MACHINES)) for store in _MACHINES], try_out)
    finally:
        server.end()
