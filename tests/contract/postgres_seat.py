"""The seat of the PostgreSQL store: several gateways may sit at one database, and the next process comes when the lease of the last has run out."""

from gateway.adapters.store.postgres.connecting import Access
from gateway.adapters.store.postgres.store import PostgresStore
from gateway.ports.store import Store
from gateway.ports.system import Ids
from tests.contract.store_desk import LEASE_MS
from tests.fakes.clock import FakeClock


class PostgresSeat:
    """Over one database. The store's clock is the desk's."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def open(self, clock: FakeClock, ids: Ids) -> Store:
        return await PostgresStore.open(self._access, ids=ids, clock=clock, store_clock=clock)

    async def reopen(self, store: Store, clock: FakeClock, ids: Ids) -> Store:
        """What a process left is ended by its lease alone: nobody but the clock says that it is gone."""
        await store.close()
        clock.advance(ms=LEASE_MS)
        return await self.open(clock, ids)
