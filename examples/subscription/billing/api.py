"""Billing over HTTP.

1. A write carries a bearer token (where billing was given one), one `Idempotency-Key` and, if it likes, a `Not-After`.
2. The same key again: the stored answer, byte for byte, with `Idempotent-Replayed: true`; with another body 422; while the first is under way 409.
3. A write whose `Not-After` has passed when it is about to be done is refused with 412, and its key is closed for good.
4. A request that makes no sense is refused without ending its key: it has had no effect and never will have one by itself.
5. No payload, key or token is ever printed.

| | |
|---|---|
| `GET /plans` | the price list, cheapest first |
| `GET /accounts/{account}` · `/seats` · `/subscriptions` | the team and its plan · how many seats it needs and has · what it bought |
| `POST /accounts/{account}/subscriptions` | buy |
| `GET /operations/{key}` | what became of a key: APPLIED, NOT_APPLIED, IN_PROGRESS or NOT_FOUND |
| `GET`, `POST`, `DELETE /switches` | misbehave on demand |
"""

import hashlib
import hmac
import json
import time
from typing import Final

from aiohttp import web

from examples.subscription.billing.book import Book, Operation
from examples.subscription.billing.catalogue import ACCOUNTS, CURRENCY, PLANS
from examples.subscription.billing.orders import Order, Problem, read_key, read_not_after, read_order
from examples.subscription.billing.switches import Switches

BODY_BYTES_MAX: Final = 16 * 1024

LATE: Final = Problem(412, "TOO_LATE", "Not-After has passed; this key is closed")
REFUSED: Final = Problem(403, "REFUSED", "refused before writing, as the switch asked; this key is closed")
REUSED: Final = Problem(422, "KEY_REUSED", "this Idempotency-Key came before with another body")
UNDER_WAY: Final = Problem(409, "UNDER_WAY", "the first request with this Idempotency-Key has not ended")
NO_TOKEN: Final = Problem(401, "TOKEN_NEEDED", "writes need the bearer token")
NO_ACCOUNT: Final = Problem(404, "UNKNOWN_ACCOUNT", "no such account")


class Billing:
    """The handlers, over one book. `token` None leaves writes open to whoever reaches the loopback."""

    def __init__(self, *, book: Book, token: bytes | None) -> None:
        self._book = book
        self._token = token
        self._switches = Switches()
        self._under_way: set[str] = set()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.add_routes(
            [
                web.get("/plans", self._plans),
                web.get("/accounts/{account}", self._account),
                web.get("/accounts/{account}/seats", self._seats),
                web.get("/accounts/{account}/subscriptions", self._subscriptions),
                web.post("/accounts/{account}/subscriptions", self._subscribe),
                web.get("/operations/{key}", self._operation),
                web.get("/switches", self._show_switches),
                web.post("/switches", self._change_switches),
                web.delete("/switches", self._clear_switches),
            ]
        )
        return app

    async def _plans(self, _: web.Request) -> web.Response:
        plans = [{"plan": name, "seats_max": plan.seats_max, "monthly_price_micros": plan.monthly_price_micros} for name, plan in PLANS.items()]
        return web.json_response({"currency": CURRENCY, "plans": plans})

    async def _account(self, request: web.Request) -> web.Response:
        name = request.match_info["account"]
        if name not in ACCOUNTS:
            return _refusal(NO_ACCOUNT)
        return web.json_response({"account": name, "team_size": ACCOUNTS[name].team_size, "plan": self._book.seats(name).plan})

    async def _seats(self, request: web.Request) -> web.Response:
        name = request.match_info["account"]
        if name not in ACCOUNTS:
            return _refusal(NO_ACCOUNT)
        needed, paid = ACCOUNTS[name].team_size, self._book.seats(name).seats_paid
        return web.json_response({"account": name, "seats_needed": needed, "seats_paid": paid, "seats_missing": max(0, needed - paid)})

    async def _subscriptions(self, request: web.Request) -> web.Response:
        name = request.match_info["account"]
        if name not in ACCOUNTS:
            return _refusal(NO_ACCOUNT)
        return web.json_response({"account": name, "subscriptions": self._book.subscriptions(name)})

    async def _subscribe(self, request: web.Request) -> web.Response:
        if not self._may_write(request):
            return _refusal(NO_TOKEN)
        key = read_key(request.headers.getall("Idempotency-Key", []))
        if isinstance(key, Problem):
            return _refusal(key)
        not_after_ms = read_not_after(request.headers.getall("Not-After", []))
        if isinstance(not_after_ms, Problem):
            return _refusal(not_after_ms)
        account, body = request.match_info["account"], await request.read()
        if account not in ACCOUNTS:
            return _refusal(NO_ACCOUNT)
        fingerprint = hashlib.sha256(f"{len(account)}:{account}:".encode() + body).digest()
        ended = self._book.find(key)
        if ended is not None:
            return _again(ended) if ended.fingerprint == fingerprint else _refusal(REUSED)
        if key in self._under_way:
            return _refusal(UNDER_WAY)
        order = read_order(body, account=account)
        if isinstance(order, Problem):
            return _refusal(order)
        return await self._carry_out(request, order, key=key, fingerprint=fingerprint, not_after_ms=not_after_ms)

    async def _carry_out(self, request: web.Request, order: Order, *, key: str, fingerprint: bytes, not_after_ms: int | None) -> web.Response:
        """Between `find` above and `add` here nothing is awaited, so no twin can slip in."""
        self._under_way.add(key)
        try:
            await self._switches.hold()
            status = self._switches.fails_with()
            if status is not None:
                return _refusal(Problem(status, "FAILED_ON_DEMAND", "nothing was written, as the switch asked"))
            ended = self._end(order, key=key, fingerprint=fingerprint, not_after_ms=not_after_ms)
        finally:
            self._under_way.discard(key)
        if self._switches.vanishes() and request.transport is not None:
            request.transport.abort()
        return _answer(ended)

    def _end(self, order: Order, *, key: str, fingerprint: bytes, not_after_ms: int | None) -> Operation:
        if not_after_ms is not None and time.time_ns() // 1_000_000 > not_after_ms:
            return self._book.refuse(LATE, key=key, fingerprint=fingerprint)
        if self._switches.refuses():
            return self._book.refuse(REFUSED, key=key, fingerprint=fingerprint)
        return self._book.apply(order, key=key, fingerprint=fingerprint)

    def _may_write(self, request: web.Request) -> bool:
        if self._token is None:
            return True
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, b"Bearer " + self._token)

    async def _operation(self, request: web.Request) -> web.Response:
        key = read_key([request.match_info["key"]])
        if isinstance(key, Problem):
            return _refusal(key)
        ended = self._book.find(key)
        if ended is not None:
            return web.json_response({"status": ended.status.value, "http_status": ended.http_status, "response": json.loads(ended.response)})
        status = "IN_PROGRESS" if key in self._under_way else "NOT_FOUND"
        return web.json_response({"status": status, "http_status": 0, "response": None})

    async def _show_switches(self, _: web.Request) -> web.Response:
        return web.json_response(self._switches.shown())

    async def _change_switches(self, request: web.Request) -> web.Response:
        problem = self._switches.change(await request.read())
        return _refusal(problem) if problem is not None else web.json_response(self._switches.shown())

    async def _clear_switches(self, _: web.Request) -> web.Response:
        self._switches.clear()
        return web.json_response(self._switches.shown())


def _refusal(problem: Problem) -> web.Response:
    return web.json_response({"error": {"code": problem.code, "detail": problem.detail}}, status=problem.status)


def _answer(ended: Operation) -> web.Response:
    return web.Response(text=ended.response, status=ended.http_status, content_type="application/json")


def _again(ended: Operation) -> web.Response:
    response = _answer(ended)
    response.headers["Idempotent-Replayed"] = "true"
    return response
