"""A billing-like service over HTTP that keeps some promises and breaks others, as it is told. It counts its effects by key."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from aiohttp import web

GOOD: Final = b'{"plan":"team_pro"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """All kept unless told."""

    dedupes: bool = True
    dedupes_twins: bool = True
    enforces_not_after: bool = True
    replays_refusals: bool = True
    knows_its_keys: bool = True
    denies_unknown_keys: bool = True
    slow_s: float = 0.0


class LyingHost:
    """`async with LyingHost(Manners(dedupes=False)) as host:` listens on loopback."""

    def __init__(self, manners: Manners) -> None:
        self.effects: Counter[str] = Counter()
        self.url = ""
        self._manners = manners
        self._answers: dict[str, tuple[int, str]] = {}
        self._runner: web.AppRunner

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.post("/orders", self._write), web.get("/operations/{key}", self._say)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._runner.cleanup()

    async def _write(self, request: web.Request) -> web.Response:
        key, body, manners = request.headers["Idempotency-Key"], await request.read(), self._manners
        known = self._answers.get(key)
        if known is not None and manners.dedupes and (known[0] < 400 or manners.replays_refusals):
            return web.Response(status=known[0], text=known[1])
        if known is None and manners.dedupes_twins:
            self._answers[key] = (409, '{"state":"under way"}')
        await asyncio.sleep(manners.slow_s)
        status, text = self._carried_out(key, body, datetime.fromisoformat(request.headers["Not-After"]))
        self._answers[key] = (status, text)
        return web.Response(status=status, text=text)

    def _carried_out(self, key: str, body: bytes, not_after: datetime) -> tuple[int, str]:
        if self._manners.enforces_not_after and not_after < datetime.now(UTC):
            return 410, '{"error":"late"}'
        if body != GOOD:
            return 422, '{"error":"no order"}'
        self.effects[key] += 1
        return 201, f'{{"order":{self.effects.total()}}}'

    async def _say(self, request: web.Request) -> web.Response:
        known = self._answers.get(request.match_info["key"]) if self._manners.knows_its_keys else None
        if known is None:
            return web.json_response({"status": "NOT_FOUND" if self._manners.denies_unknown_keys else "NOT_APPLIED"})
        status, text = known
        state = "IN_PROGRESS" if status == 409 else "APPLIED" if status < 400 else "NOT_APPLIED"
        return web.json_response({"status": state, "http_status": status, "response": text})
