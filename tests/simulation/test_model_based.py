"""Model-based: programs drawn by Hypothesis, asked of a store and of the reference model. `make prove` runs many more of them."""

from tests.fakes.postgres import Server
from tests.simulation.machine import PostgresMachine, SqliteMachine, StoreMachine
from tests.simulation.programs import programs


def test_the_store_in_memory_is_the_reference_model() -> None:
    """Every answer, balance and entry of some programs."""
    programs(StoreMachine, seeded=1, count=40, steps=50)


def test_sqlite_is_the_reference_model() -> None:
    """Likewise, batches and restarts included."""
    programs(SqliteMachine, seeded=1, count=12, steps=40)


def test_postgresql_is_the_reference_model(postgres: Server) -> None:
    """Likewise, with leases in place of recovery."""
    PostgresMachine.server = postgres

    programs(PostgresMachine, seeded=1, count=5, steps=30)
