"""Bugs that only several gateways on one PostgreSQL have: what is read without a lock, locks in any order, a clock of one's own."""

from typing import Final

from tests.faults.mutants.mutant import Mutant

_LOCKS: Final = "tests/unit/gateway/adapters/store/postgres/test_locks.py::"
_REPLICAS: Final = "tests/unit/gateway/adapters/store/postgres/test_replicas.py::"
_LOCK: Final = "gateway/adapters/store/postgres/sql/lock.sql"

OF_POSTGRES: Final = (
    Mutant(
        name="halt-without-a-lock", bug="a halt is read without a lock: one is admitted after Halt returned", first=True,
        file=_LOCK, text="SELECT one FROM gate WHERE one = 1 FOR SHARE;", put="SELECT one FROM gate WHERE one = 1;",
        test=_LOCKS + "test_a_halt_that_is_not_committed_yet_is_waited_for",
    ),
    Mutant(
        name="check-then-add-at-two-gateways", bug="what is left of a budget is read without a lock, and written as if nobody else had", first=True,
        file=_LOCK, text="SELECT node_key FROM nodes WHERE node_key = ANY(:node_keys::text[]) ORDER BY node_key FOR UPDATE;",
        put="SELECT node_key FROM nodes WHERE node_key = ANY(:node_keys::text[]) ORDER BY node_key;",
        more=(("gateway/adapters/store/postgres/sql/save.sql", " AND windows.held = v.from_held AND windows.settled = v.from_settled;", ";"),),
        test="tests/unit/gateway/adapters/store/postgres/test_races.py::test_what_is_left_is_given_once",
    ),
    Mutant(
        name="locks-in-any-order", bug="two gateways lock the same keys in the order they were asked for",
        file="gateway/adapters/store/postgres/load.py",
        text="named = sorted({(key_hash(name), name) for one in wants for name in one.keys}, key=lambda pair: pair[0])",
        put="named = [*{(key_hash(name), name): None for one in wants for name in one.keys}]",
        more=((_LOCK, "FROM unnest(:key_hashes::bytea[]) AS wanted (key_hash) ORDER BY key_hash", "FROM unnest(:key_hashes::bytea[]) AS wanted (key_hash)"),),
        test=_LOCKS + "test_two_batches_held_up_at_one_key_do_not_hold_each_other_up",
    ),
    Mutant(
        name="clock-of-a-replica", bug="windows and leases go by the gateway's own clock",
        file="gateway/adapters/store/postgres/load.py", text="rows.now_ms = found.now_ms",
        put='rows.now_ms = __import__("time").time_ns() // 1_000_000 + 60_000',
        test=_REPLICAS + "test_the_clock_is_the_servers",
    ),
)  # fmt: skip
