"""Liveness and readiness over plain HTTP, on an address of their own: a kubelet reaches neither a unix socket nor our loopback.

1. Answers carry no content of any request: a word and a status.
2. Readiness may carry hints: what serves, but not as it was meant to. They change no status: a probe must not take down what still serves.
3. Live: the process answers. Ready: the store takes writes, a healthy engine serves the activation in force, and nobody has begun to stop.
"""

from collections.abc import Callable, Sequence

from aiohttp import web

from gateway.transport.listener import ListenerRefused


class Diagnostics:
    def __init__(self, *, ready: Callable[[], str], hints: Callable[[], Sequence[str]] = tuple) -> None:
        """`ready` says why the gateway is not ready, "" when it is; `hints` are lines about what is amiss nevertheless."""
        self._ready = ready
        self._hints = hints
        self._runner: web.AppRunner | None = None

    async def start(self, address: str) -> int:
        """Serves on host:port; returns the port. Raises `ListenerRefused`."""
        app = web.Application(client_max_size=1024)
        app.router.add_get("/livez", self._live)
        app.router.add_get("/readyz", self._answer_ready)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        host, _, port = address.rpartition(":")
        site = web.TCPSite(runner, host.strip("[]"), int(port))
        try:
            await site.start()
        except OSError as wrong:
            await runner.cleanup()
            raise ListenerRefused(f"diagnostics: cannot bind {address}: {wrong.strerror}; is it in use, or not an address of this machine?") from wrong
        self._runner = runner
        return int(runner.addresses[0][1])

    async def _live(self, request: web.Request) -> web.Response:
        del request
        return web.Response(text="live\n")

    async def _answer_ready(self, request: web.Request) -> web.Response:
        del request
        why = self._ready()
        lines = [f"not ready: {why}" if why else "ready", *(f"hint: {hint}" for hint in self._hints())]
        return web.Response(text="".join(f"{line}\n" for line in lines), status=503 if why else 200)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
