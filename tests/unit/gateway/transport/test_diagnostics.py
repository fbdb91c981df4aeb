"""Liveness and readiness over plain HTTP, and an address that is taken."""

import asyncio
import socket

import pytest

from gateway.transport.diagnostics import Diagnostics
from gateway.transport.listener import ListenerRefused


async def get(port: int, path: str) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), body


async def test_live_is_live_and_ready_says_why_not() -> None:
    """Two questions, two answers, a word each."""
    why = ["", "the store takes no writes"]
    diagnostics = Diagnostics(ready=lambda: why[0])
    port = await diagnostics.start("127.0.0.1:0")

    ready = await get(port, "/readyz")
    why.reverse()
    not_ready, live, other = await get(port, "/readyz"), await get(port, "/livez"), await get(port, "/metrics/../etc")
    await diagnostics.stop()

    assert (ready, not_ready, live) == ((200, "ready\n"), (503, "not ready: the store takes no writes\n"), (200, "live\n"))
    assert other[0] == 404


async def test_what_is_amiss_is_hinted_at_and_changes_no_status() -> None:
    """A probe must not take down what still serves."""
    hints = ["tool notes.search is disabled: its server does not list it"]
    diagnostics = Diagnostics(ready=lambda: "", hints=lambda: hints)
    port = await diagnostics.start("127.0.0.1:0")

    amiss = await get(port, "/readyz")
    hints.clear()
    well = await get(port, "/readyz")
    await diagnostics.stop()

    assert (amiss, well) == ((200, "ready\nhint: tool notes.search is disabled: its server does not list it\n"), (200, "ready\n"))


async def test_an_address_in_use_is_refused() -> None:
    """Before anything else is served."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ListenerRefused, match="diagnostics: cannot bind"):
        await Diagnostics(ready=lambda: "").start(f"127.0.0.1:{taken.getsockname()[1]}")


async def test_stopping_what_never_started_is_no_error() -> None:
    """A gateway that was refused elsewhere takes everything down."""
    await Diagnostics(ready=lambda: "").stop()
