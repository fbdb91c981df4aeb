"""The conformance kit for a host team: asks a staging service what the gateway will one day depend on, and says what may honestly be declared.

1. It writes. Each question has a key of its own, and what was sent under which key is told, so that a person can count the effects.
2. Nothing is judged by the text of an answer: only by its class, and by whether two answers are the same bytes.
3. A question that went unanswered shows nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.domain.host_answer import GrpcReply, HostClass, HttpReply, NotSent, Observation, QueryFinding, Silent, classify
from gateway.domain.host_promises import Kept, Promise, Report, Seen, advice, same
from gateway.domain.targets import TargetTerms
from gateway.ports.host import Delivery, Host, QueryAnswer
from gateway.ports.system import Clock, Ids

_MOMENT_MS: Final = 60_000  # a request may be sent for a minute
_LATE_MS: Final = 3_600_000  # and this long ago it no longer might
_ASKS_MAX: Final = 10
_ASK_PAUSE_S: Final = 0.3
_ASK_TIME_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What is written, over and over, under fresh keys."""

    action: str
    method: str
    path: str
    payload: bytes
    refused_payload: bytes  # what the service refuses before it does anything


class LateClock:
    """An hour slow: by it a request may still be sent, while its Not-After has long passed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_ms(self) -> int:
        return self._clock.now_ms() - _LATE_MS

    def boot_s(self) -> float:
        return self._clock.boot_s()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A client of the target: `clock` is the one it looks at, `hasty` hangs up a moment after sending."""

    clock: Clock
    hasty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The write that later ones are held against."""

    key: str
    answer: Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCheck:
    """`can_query`: the target can be asked about a key, declared or not. `idle_s`: how long to leave a connection alone."""

    terms: TargetTerms
    make: Callable[[Probe], Host]
    sample: Sample
    can_query: bool
    speaks_grpc: bool
    idle_s: float
    read_timeout_s: float
    clock: Clock
    ids: Ids

    async def run(self) -> Report:
        """At most eight writes and some queries, one after another; a few seconds, and the time a connection is left alone."""
        host = self.make(Probe(clock=self.clock))
        try:
            first, seen = await self._first(host)
            if seen[0].kept is Kept.UNSEEN:
                return Report(target=self.terms.name, reached=False, seen=tuple(seen), advice=())
            for question in (self._again, self._twins, self._query, self._late, self._refusals, self._hung_up, self._idled):
                seen += await question(host, first)
        finally:
            await host.close()
        return Report(target=self.terms.name, reached=True, seen=tuple(seen), advice=advice(self.terms, seen))

    async def _first(self, host: Host) -> tuple[First, list[Seen]]:
        key, loop = self._key(), asyncio.get_running_loop()
        began_s = loop.time()
        answer = await self._send(host, key)
        took_s = loop.time() - began_s
        if self._class(answer) is not HostClass.SUCCEEDED:
            return First(key=key, answer=answer), [_seen("one write", key, f"{told(answer)}; the sample has to succeed", None, Kept.UNSEEN)]
        kept = Kept.ASK if took_s > self.read_timeout_s / 2 else Kept.YES
        what = f"{told(answer)} after {took_s * 1000:.0f} ms; it may take {self.read_timeout_s * 1000:.0f} ms"
        return First(key=key, answer=answer), [_seen("one write", key, what, Promise.READ_TIMEOUT, kept)]

    async def _again(self, host: Host, first: First) -> list[Seen]:
        """The same request under the same key, once it has ended."""
        after = await self._send(host, first.key)
        kept = same(first.answer, after)
        what = {Kept.ASK: "the same answer, byte for byte", Kept.NO: f"{told(after)}, another answer than the first"}.get(kept, told(after))
        return [_seen("the same key again", first.key, what, Promise.DEDUPE, kept)]

    async def _twins(self, host: Host, _: First) -> list[Seen]:
        """One has the key; the other gets its answer, or is told that it must wait."""
        key = self._key()
        answers = await asyncio.gather(self._send(host, key), self._send(host, key))
        classes = [self._class(answer) for answer in answers]
        kept = same(*answers) if classes == [HostClass.SUCCEEDED] * 2 else Kept.ASK if HostClass.SUCCEEDED in classes else Kept.UNSEEN
        return [_seen("the same key twice at once", key, " and ".join(told(answer) for answer in answers), Promise.DEDUPE, kept)]

    async def _query(self, host: Host, first: First) -> list[Seen]:
        if not self.can_query:
            return [_seen("what came of a key", "", "there is no way to ask; name one with --query-path", Promise.QUERY, Kept.UNSEEN)]
        applied, never = await self._ask(host, first.key), await self._ask(host, self._key())
        status = first.answer.status if isinstance(first.answer, HttpReply) else 0
        known = applied.finding is QueryFinding.APPLIED and applied.status == status
        unknown = never.finding is QueryFinding.NOT_FOUND
        return [
            _seen("what came of a key that was written", first.key, _found(applied), Promise.QUERY, Kept.YES if known else Kept.NO),
            _seen("what came of a key never sent", "", _found(never), Promise.QUERY, Kept.YES if unknown else Kept.NO),
        ]

    async def _late(self, host: Host, _: First) -> list[Seen]:
        """A write whose Not-After passed an hour ago."""
        key, slow = self._key(), LateClock(self.clock)
        late = self.make(Probe(clock=slow))
        try:
            answer = await self._send(late, key, clock=slow)
        finally:
            await late.close()
        kept = {HostClass.SUCCEEDED: Kept.NO, HostClass.FAILED: Kept.YES, HostClass.UNKNOWN: Kept.UNSEEN}[self._class(answer)]
        seen = [_seen("a write whose Not-After has passed", key, told(answer), Promise.ENFORCES_NOT_AFTER, kept)]
        if self.can_query and kept is Kept.YES:
            found = await self._ask(host, key)
            closed = found.finding in {QueryFinding.NOT_APPLIED, QueryFinding.NOT_FOUND}
            seen.append(_seen("what came of that key", key, _found(found), Promise.QUERY, Kept.YES if closed else Kept.NO))
        return seen

    async def _refusals(self, host: Host, _: First) -> list[Seen]:
        """What is refused, and then, under the same key, what would not be."""
        key, trust = self._key(), Promise.TRUSTS_STATUS_CODES if self.speaks_grpc else None
        refused = await self._send(host, key, payload=self.sample.refused_payload)
        if self._class(refused) is not HostClass.FAILED:
            what = f"{told(refused)}, which is no refusal; name a payload that is refused with --refused-payload"
            return [_seen("a write that cannot be taken", key, what, trust, Kept.UNSEEN)]
        then = await self._send(host, key)
        kept = {HostClass.SUCCEEDED: Kept.NO, HostClass.FAILED: Kept.ASK, HostClass.UNKNOWN: Kept.UNSEEN}[self._class(then)]
        if kept is Kept.ASK and same(refused, then) is Kept.ASK:
            kept = Kept.YES
        return [
            _seen("a write that cannot be taken", key, told(refused), trust, Kept.ASK),
            _seen("the key of a refusal, with what would be taken", key, told(then), Promise.REPLAYS_REFUSALS, kept),
        ]

    async def _hung_up(self, host: Host, _: First) -> list[Seen]:
        """We hang up right after sending: the unknown outcome that a mode is for."""
        key, hasty = self._key(), self.make(Probe(clock=self.clock, hasty=True))
        try:
            answer = await self._send(hasty, key)
        finally:
            await hasty.close()
        if not isinstance(answer, Silent):
            return [_seen("we hang up after sending", key, f"{told(answer)}: the host was faster", None, Kept.UNSEEN)]
        seen = []
        if self.can_query:
            found = await self._until_known(host, key)
            settled = found.finding in {QueryFinding.APPLIED, QueryFinding.NOT_APPLIED, QueryFinding.NOT_FOUND}
            seen.append(_seen("we hang up after sending, and ask", key, _found(found), Promise.QUERY, Kept.YES if settled else Kept.NO))
        again = await self._send(host, key)
        kept = {HostClass.SUCCEEDED: Kept.ASK, HostClass.FAILED: Kept.NO, HostClass.UNKNOWN: Kept.UNSEEN}[self._class(again)]
        return [*seen, _seen("we hang up after sending, and send again", key, told(again), Promise.DEDUPE, kept)]

    async def _idled(self, host: Host, first: First) -> list[Seen]:
        """A kept connection, used again at the end of the time it may idle."""
        await asyncio.sleep(self.idle_s)
        if self.can_query:
            found = await self._ask(host, first.key)
            broken, what = found.finding is QueryFinding.NO_ANSWER, _found(found)
        else:
            answer = await self._send(host, first.key)
            broken, what = isinstance(answer, Silent), told(answer)
        kept = Kept.NO if broken else Kept.YES
        return [_seen(f"a connection left alone for {self.idle_s:g} s", "", what, Promise.IDLE, kept)]

    async def _send(self, host: Host, key: str, *, payload: bytes | None = None, clock: Clock | None = None) -> Observation:
        sample = self.sample
        return await host.apply(Delivery(
            target=self.terms.name, action=sample.action, method=sample.method, path=sample.path,
            payload=sample.payload if payload is None else payload, key=key, not_after_ms=(clock or self.clock).now_ms() + _MOMENT_MS,
            send_by_s=self.clock.boot_s() + _MOMENT_MS / 1000, traceparent="",
        ))  # fmt: skip

    async def _ask(self, host: Host, key: str) -> QueryAnswer:
        return await host.query(key=key, deadline_s=asyncio.get_running_loop().time() + _ASK_TIME_S)

    async def _until_known(self, host: Host, key: str) -> QueryAnswer:
        found = await self._ask(host, key)
        for _ in range(_ASKS_MAX):
            if found.finding not in {QueryFinding.IN_PROGRESS, QueryFinding.NOT_FOUND}:
                break
            await asyncio.sleep(_ASK_PAUSE_S)
            found = await self._ask(host, key)
        return found

    def _class(self, seen: Observation) -> HostClass:
        """As the gateway will read it, with the codes of a gRPC host taken at their word; what was not sent shows nothing."""
        if isinstance(seen, NotSent):
            return HostClass.UNKNOWN
        return classify(seen, resend=False, overrides=self.terms.overrides, replays_refusals=False, trusts_status_codes=True).host_class

    def _key(self) -> str:
        return f"cs-check-{self.ids.fresh()}"


def told(seen: Observation) -> str:
    match seen:
        case HttpReply():
            return f"HTTP {seen.status}"
        case GrpcReply():
            return f"gRPC {seen.code}"
        case NotSent():
            return f"not sent: {seen.detail}"
        case Silent():
            return f"no answer: {seen.detail}"


def _found(answer: QueryAnswer) -> str:
    return " ".join(part for part in (answer.finding.value, str(answer.status or ""), answer.detail) if part)


def _seen(question: str, key: str, what: str, promise: Promise | None, kept: Kept) -> Seen:
    return Seen(question=question, keys=(key,) if key else (), seen=what, promise=promise, kept=kept)
