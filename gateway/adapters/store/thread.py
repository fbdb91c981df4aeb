"""One thread that does a lane's work: SQLite is never called from the loop.

1. Batches and whatever else is asked of it are done one after another, in the order they came.
2. Tidying comes once a batch is done, whenever it is needed; nobody who waits for an answer waits for it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Kind = TypeVar("Kind")
Result = TypeVar("Result")


class Thread(Generic[Kind]):
    """Called with a batch, does `work` with it there. `tidy` runs behind a batch when `untidy` says so."""

    def __init__(
        self, name: str, work: Callable[[list[Kind]], None], *, untidy: Callable[[], bool] = lambda: False, tidy: Callable[[], None] = lambda: None
    ) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._work, self._untidy, self._tidy = work, untidy, tidy

    async def __call__(self, batch: list[Kind]) -> None:
        try:
            await self.do(lambda: self._work(batch))
        finally:
            if self._untidy():
                self._executor.submit(self._tidy)

    async def do(self, do: Callable[[], Result]) -> Result:
        """Runs `do` between batches."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, do)

    def end(self) -> None:
        """Waits for what it has; takes nothing more."""
        self._executor.shutdown(wait=True)
