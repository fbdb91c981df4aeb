"""One connection, one exchange at a time, over `asyncio.Protocol`.

1. An exchange is written once, in one `transport.write`. From that call on a byte may have left, and the result is a reply or silence, never "not sent".
2. Send and read are separate phases with their own time; the read phase covers header and body together. Idleness is the third.
3. A link that is cancelled, late, cut or out of step is destroyed at once; one that is still open has nothing of an earlier exchange in it.
4. One lazy timer serves all phases: it is re-armed when it fires early, so an exchange costs no timer of its own.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Final, cast

from gateway.adapters.hosts.answer import AnswerReader
from gateway.domain.host_answer import HttpReply, Silent

_TICK_S: Final = 0.001  # the loop's clock may be this coarse


class Link(asyncio.Protocol):
    """Made by `links`. `on_lost` is called once, when the connection is gone."""

    __slots__ = (
        "_deadline_s", "_loop", "_on_lost", "_pending", "_read_timeout_s", "_reader", "_saw_end", "_timer", "_timer_s", "_transport", "_unsent",
        "_waiter", "is_open",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, on_lost: Callable[["Link"], None]) -> None:
        self._loop = loop
        self._on_lost = on_lost
        self._reader = AnswerReader()
        self._pending = select.poll()
        self._read_timeout_s = 0.0
        self._deadline_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = 0.0
        self._unsent = False
        self._saw_end = False
        self._waiter: asyncio.Future[HttpReply | Silent] | None = None
        self.is_open = False

    def is_fit(self, *, look: bool) -> bool:
        """The end-of-file check before writing. `look`: ask the system for bytes (or an end) that the loop has not read yet."""
        if not self.is_open or self._transport.is_closing():
            return False
        return not (look and self._pending.poll(0))

    async def exchange(self, request: bytes, *, send_timeout_s: float, read_timeout_s: float, body_bytes_max: int) -> HttpReply | Silent:
        """Writes the request and waits for its answer. The caller has just seen `is_fit`. Cancelled: the link is destroyed."""
        assert self._waiter is None, "one exchange at a time on a link"
        waiter: asyncio.Future[HttpReply | Silent] = self._loop.create_future()
        self._waiter = waiter
        self._reader.begin(body_bytes_max=body_bytes_max)
        self._read_timeout_s = read_timeout_s
        self._transport.write(request)
        self._set_deadline(send_timeout_s if self._unsent else read_timeout_s)
        try:
            return await waiter
        finally:
            self._waiter = None
            if not waiter.done() or waiter.cancelled():
                self.destroy()

    def rest(self, idle_s: float) -> None:
        """Nothing is in flight; the link closes itself after `idle_s`."""
        self._set_deadline(idle_s)

    def destroy(self) -> None:
        """Closes now; what was not sent is not sent."""
        if self.is_open:
            self.is_open = False
            self._transport.abort()

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # create_connection gives nothing else; uvloop's are no subclass of it
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._pending.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:  # nobody asked: whatever it is, it must not be taken for the next answer
            self.destroy()
            return
        observation = self._reader.feed(data)
        if observation is not None:
            self._finish(observation)

    def eof_received(self) -> None:
        self._saw_end = True  # returning None lets the transport close itself

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._waiter is not None and not self._waiter.done():
            clean = self._saw_end and exc is None
            self._finish(self._reader.cut("the host closed the connection before its answer was complete" if clean else "the connection broke", clean=clean))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._on_lost(self)

    def pause_writing(self) -> None:
        self._unsent = True

    def resume_writing(self) -> None:
        self._unsent = False
        if self._waiter is not None:
            self._set_deadline(self._read_timeout_s)

    # time

    def _set_deadline(self, in_s: float) -> None:
        self._deadline_s = self._loop.time() + in_s
        if self._timer is not None:
            if self._timer_s <= self._deadline_s:
                return
            self._timer.cancel()
        self._arm()

    def _arm(self) -> None:
        self._timer_s = self._deadline_s
        self._timer = self._loop.call_at(self._deadline_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._loop.time() + _TICK_S < self._deadline_s:
            self._arm()
        elif self._waiter is None:
            self.destroy()
        else:
            self._finish(self._reader.cut("the request could not be sent in time" if self._unsent else "no complete answer in time", clean=False))

    def _finish(self, observation: HttpReply | Silent) -> None:
        if self._unsent:
            self._reader.reusable = False
            if isinstance(observation, HttpReply) and observation.status < 300:
                observation = Silent("the host reported success before it had been sent the whole request")
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(observation)
        if not self._reader.reusable:
            self.destroy()
