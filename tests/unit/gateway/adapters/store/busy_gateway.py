"""A process that writes to a store as fast as it can, and says on stdout what it was told: killed by `test_kill.py` in the midst of it."""

import asyncio
import sys
from itertools import count
from pathlib import Path

from gateway.adapters.store.sqlite import SqliteStore
from gateway.adapters.system import SystemClock, SystemIds
from gateway.domain.lifecycle import Event
from gateway.domain.writes.commits import Authorised
from tests.contract.store_desk import Desk, SqliteSeat, limit, run_named, terms, writes

WRITERS = 40


async def keep_writing(desk: Desk, name: str) -> None:
    """Commit after commit: three of four settle, each its own way; every fourth is left in flight."""
    for number in count():
        ask = desk.ask(f"{name}-{number}", run=run_named(f"run-{name}"), costs=writes(1), expire_at_ms=2**52)
        reply = await desk.write(desk.claim(ask))
        assert isinstance(reply, Authorised), reply
        say("T1", reply.row.commit_id, reply.row.state)
        if number % 4:
            row = await desk.settled(reply.row, list(Event)[number % 3], response=b"answered")
            say("T2", row.commit_id, row.state)


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def main(folder: Path) -> None:
    store = await SqliteStore.open(folder / "store.db", ids=SystemIds(), clock=SystemClock(), reserve_bytes=0)
    ids = SystemIds()
    desk = Desk(store=store, seat=SqliteSeat(folder), ids=ids, terms=terms(steps_max=10**9, budgets=[limit(10**9)]))
    await desk.activate(tenant=[limit(10**9)])
    boot = store.boot_id[-8:]
    await asyncio.gather(*(keep_writing(desk, f"{boot}-{writer}") for writer in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
