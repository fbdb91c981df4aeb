"""Everything that runs during a benchmark: started, pinned to its cores, answering; and ended in the opposite order.

1. The gateway and the floor share one core, where only one of them has work at a time; client, host and OPA share another.
2. With one core nothing is pinned. More than two are left idle, so that results of two machines speak of the same thing.
3. OPA is pinned once it runs, so that it has been started as it always is.
"""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks import children, floor, host, machine
from benchmarks.load import CallFailed, Line
from benchmarks.rounds import Stage
from benchmarks.stores import Place
from benchmarks.terms import Requests, settings


@asynccontextmanager
async def raised(*, folder: Path, sockets: Path, store: Place, run_size: int, cores: tuple[int, int] | None) -> AsyncIterator[tuple[Stage, children.Child]]:
    """The stage, and the gateway's process. `folder` gets settings and logs; `sockets` has a short path. Raises `ChildFailed`, `CallFailed`."""
    floor_socket, gateway_socket = sockets / "floor.sock", sockets / "gateway" / "gateway.sock"
    async with children.module("host", folder=folder) as host_child:
        base_url = await host_child.says(host.READY)
        (folder / "settings.yaml").write_text(settings(base_url=base_url, socket=gateway_socket, store=store.section))
        async with (
            children.module("floor", "--socket", str(floor_socket), "--host", base_url, folder=folder) as floor_child,
            children.gateway(folder / "settings.yaml", folder=folder) as gateway,
        ):
            await floor_child.says(floor.READY)
            lines = Line(floor_socket), Line(gateway_socket)
            try:
                await floor_child.until(lines[0].open())
                await gateway.until(lines[1].open())
                opa_pid = _opa_of(gateway)
                if cores is not None:
                    _pin(cores, servers=(gateway.pid, floor_child.pid), others=(opa_pid, host_child.pid, os.getpid(), *store.processes()))
                stage = Stage(
                    host_url=base_url, host_pid=host_child.pid, floor_pid=floor_child.pid, gateway_pid=gateway.pid, opa_pid=opa_pid,
                    floor=lines[0], gateway=lines[1], requests=Requests(name=secrets.token_hex(4), run_size=run_size),
                )  # fmt: skip
                yield stage, gateway
            except CallFailed as failed:
                raise CallFailed("\n".join(part for part in (str(failed), gateway.told(), floor_child.told()) if part)) from failed
            finally:
                for line in lines:
                    await line.close()


def _pin(cores: tuple[int, int], *, servers: tuple[int, ...], others: tuple[int, ...]) -> None:
    for core, pids in zip(cores, (servers, others), strict=True):
        for pid in pids:
            machine.pin(pid, core)


def _opa_of(gateway: children.Child) -> int:
    found = [pid for pid in machine.children(gateway.pid) if machine.program(pid) == "opa"]
    if len(found) != 1:
        raise children.ChildFailed(f"the gateway has {len(found)} children called opa; expected one:\n{gateway.told()}")
    return found[0]
