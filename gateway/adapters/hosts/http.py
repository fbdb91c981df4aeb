"""The HTTP/1.1 host client: what the product exists for, so it is our own.

1. One attempt: a request is written at most once, whatever its method; nothing is retried and no redirect is followed.
2. Connect, send and read are three phases, each with its own time. Before the send phase the answer is `NotSent`; from the write on it is a reply or silence.
3. Both clocks are read immediately before the write, after every wait: wall time against `not_after_ms`, boot time against `send_by_s`.
4. Cancelled, a request's connection is destroyed; what may have left is the caller's to record.
5. `query` asks with a GET of its own and never raises for what the host did; its protocol is written in `query`.
"""

import asyncio

from gateway.adapters.hosts.head import Heads, Unsendable
from gateway.adapters.hosts.link import Link
from gateway.adapters.hosts.links import Links
from gateway.adapters.hosts.query import ANSWER_BYTES_MAX, no_answer, read_query
from gateway.adapters.hosts.spec import HttpHostSpec, fill_query_path
from gateway.domain.host_answer import HttpReply, NotSent, NotSentWhy, Observation, Silent
from gateway.domain.limits import RESPONSE_BYTES_MAX
from gateway.ports.host import Delivery, QueryAnswer
from gateway.ports.system import Clock


class HttpHost:
    """One HTTP target; implements `ports.host.Host`. Belongs to the event loop it is first used on."""

    def __init__(self, spec: HttpHostSpec, clock: Clock) -> None:
        """Reads the CA file. Raises ValueError when the declaration cannot be used."""
        self._clock = clock
        self._heads = Heads(spec)
        self._links = Links(spec)
        self._query_path = spec.query_path
        self._send_timeout_s = spec.send_timeout_ms / 1000
        self._read_timeout_s = spec.read_timeout_ms / 1000

    async def apply(self, delivery: Delivery) -> Observation:
        late = self._too_late(delivery)
        if late is not None:
            return late
        try:
            request = self._heads.of_delivery(delivery) + delivery.payload
        except Unsendable as flaw:
            return NotSent(NotSentWhy.NOT_REACHED, f"not written: {flaw}")
        link = await self._links.take()
        if isinstance(link, NotSent):
            return link
        try:
            return self._too_late(delivery) or await self._exchange(link, request, body_bytes_max=RESPONSE_BYTES_MAX)
        finally:
            self._links.give(link)

    async def query(self, *, key: str, deadline_s: float) -> QueryAnswer:
        if self._query_path is None:
            return no_answer("this target declares no query")
        try:
            request = self._heads.of_query(fill_query_path(self._query_path, key=key))
            async with asyncio.timeout_at(deadline_s):
                return read_query(await self._ask(request))
        except Unsendable as flaw:
            return no_answer(f"not asked: {flaw}")
        except TimeoutError:
            return no_answer("no answer to the query in time")

    async def close(self) -> None:
        await self._links.close()

    async def _ask(self, request: bytes) -> HttpReply | NotSent | Silent:
        link = await self._links.take()
        if isinstance(link, NotSent):
            return link
        try:
            return await self._exchange(link, request, body_bytes_max=ANSWER_BYTES_MAX)
        finally:
            self._links.give(link)

    async def _exchange(self, link: Link, request: bytes, *, body_bytes_max: int) -> HttpReply | Silent:
        return await link.exchange(request, send_timeout_s=self._send_timeout_s, read_timeout_s=self._read_timeout_s, body_bytes_max=body_bytes_max)

    def _too_late(self, delivery: Delivery) -> NotSent | None:
        if self._clock.boot_s() > delivery.send_by_s:
            return NotSent(NotSentWhy.TOO_LATE, "the time to send, by this machine's clock since boot, has passed")
        if self._clock.now_ms() > delivery.not_after_ms:
            return NotSent(NotSentWhy.TOO_LATE, "not_after has passed")
        return None
