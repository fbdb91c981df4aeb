"""The way in: a client is a line to one gateway, its calls, and the runs made with them."""

from pathlib import Path
from types import TracebackType
from typing import Self

from countersign.calls import DEADLINE_S, Calls
from countersign.channel import Line
from countersign.patience import Clock, SystemClock
from countersign.run import GIVE_UP_AFTER_S, HybridRun


def connect(address: str, *, token_file: str | Path | None = None, deadline_s: float = DEADLINE_S, clock: Clock | None = None) -> "Client":
    """A client of the gateway at `unix:/path` or `127.0.0.1:port`. Nothing is sent yet; it connects at the first call, and again whenever it must.

    `deadline_s` bounds each single call (the gateway takes at most 120 for Commit, 300 for Decide). ValueError for an address off this machine.
    """
    return Client(Line(address, None if token_file is None else Path(token_file)), deadline_s=deadline_s, clock=clock or SystemClock())


class Client(Calls):
    """Made by `connect`; closed by its `with` block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._line.close()

    def run(self, *, workflow: str, run_id: str, give_up_after_s: float = GIVE_UP_AFTER_S, supersede: bool = False) -> HybridRun:
        """One execution of a workflow, with keys made from `run_id`. Nothing is sent yet."""
        return HybridRun(self, workflow=workflow, run_id=run_id, give_up_after_s=give_up_after_s, supersede=supersede)
