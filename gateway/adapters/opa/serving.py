"""The questions to one activation's engine: gathered into lanes, asked together, and asked alone where that failed.

1. A lane holds one tenant's questions to one entrypoint; questions of two tenants never share a request.
2. A gathered request may use half of the time its most hurried question has left. Whatever it did not answer, for whatever reason,
   is asked alone, once, with all the time that question has left: only the guilty one pays.
3. A question ends at its deadline, answered or not; nobody waits for an engine that is known to be down.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.adapters.opa.answers import ANSWER_BYTES_MAX, encode, fresh_id, read_answers, read_error
from gateway.adapters.opa.client import OpaClient, Reply
from gateway.adapters.opa.gather import Lane, LaneLimits
from gateway.domain.faults import PolicyFault
from gateway.domain.limits import BATCH_MAX
from gateway.ports.policy import Entrypoint, Erred, PolicyAnswer, Question

QUESTIONS_MAX: Final = 2_000  # waiting for one activation's engine
LANE_LIMITS: Final = LaneLimits(items_max=BATCH_MAX, bytes_max=1024 * 1024, gap_s=0.002)


@dataclass(slots=True, eq=False)
class _Asked:
    question: Question
    answer: "asyncio.Future[PolicyAnswer]"


class Serving:
    """`client` has its session made; `healthy` says whether asking makes sense at all."""

    def __init__(self, *, client: OpaClient, healthy: Callable[[], bool]) -> None:
        self._client = client
        self._healthy = healthy
        self._lanes: dict[tuple[Entrypoint, str], Lane[_Asked]] = {}
        self._waiting = 0

    async def ask(self, question: Question) -> PolicyAnswer:
        """Raises `PolicyFault`."""
        if not self._healthy():
            raise PolicyFault("the policy engine is down and being started again")
        if self._waiting >= QUESTIONS_MAX:
            raise PolicyFault(f"more than {QUESTIONS_MAX} questions wait for the policy engine")
        loop = asyncio.get_running_loop()
        asked = _Asked(question, loop.create_future())
        self._waiting += 1
        deadline = loop.call_at(question.deadline_s, _too_late, asked)
        try:
            self._lane(question).put(asked, size_bytes=len(question.input_json))
            return await asked.answer
        finally:
            deadline.cancel()
            self._waiting -= 1

    async def drain(self) -> None:
        """Return when nothing is under way. The caller sees to it that nothing more is asked."""
        for lane in tuple(self._lanes.values()):
            await lane.drain()

    def _lane(self, question: Question) -> Lane[_Asked]:
        key = (question.entrypoint, question.tenant)
        if (lane := self._lanes.get(key)) is None:
            lane = self._lanes[key] = Lane(self._send, limits=LANE_LIMITS)
        return lane

    async def _send(self, gathered: list[_Asked]) -> None:
        """Answer every one of them, or fail it."""
        batch = [asked for asked in gathered if not asked.answer.done()]
        if len(batch) == 1:
            await self._alone(batch[0])
            return
        if batch:
            await self._together(batch)
        await asyncio.gather(*(self._alone(asked) for asked in batch if not asked.answer.done()))

    async def _together(self, batch: Sequence[_Asked]) -> None:
        now_s = asyncio.get_running_loop().time()
        hurried_s = min(asked.question.deadline_s for asked in batch)
        ids = {fresh_id(): asked for asked in batch}
        try:
            async with asyncio.timeout_at(now_s + (hurried_s - now_s) / 2):
                reply = await self._post(ids, traceparent="")
        except (PolicyFault, TimeoutError):
            return
        if reply.status == 200 and reply.body is not None:
            for asked_id, answer in read_answers(reply.body, tuple(ids)).items():
                _settle(ids[asked_id], answer)

    async def _alone(self, asked: _Asked) -> None:
        asked_id = fresh_id()
        try:
            async with asyncio.timeout_at(asked.question.deadline_s):
                reply = await self._post({asked_id: asked}, traceparent=asked.question.traceparent)
            _settle(asked, _read_alone(reply, asked_id))
        except TimeoutError:
            _too_late(asked)
        except PolicyFault as wrong:
            _fail(asked, wrong)

    async def _post(self, ids: dict[str, _Asked], *, traceparent: str) -> Reply:
        body = encode({asked_id: asked.question.input_json for asked_id, asked in ids.items()})
        entrypoint = next(iter(ids.values())).question.entrypoint
        return await self._client.post(entrypoint, body, traceparent=traceparent, answer_bytes_max=len(ids) * ANSWER_BYTES_MAX)


def _read_alone(reply: Reply, asked_id: str) -> PolicyAnswer:
    if reply.body is None:
        return Erred(f"the answer is longer than {ANSWER_BYTES_MAX} bytes")
    if reply.status == 200:
        answer = read_answers(reply.body, (asked_id,)).get(asked_id)
        if answer is None:
            raise PolicyFault("the policy engine's answer is not strict JSON, or answers another question")
        return answer
    erred = read_error(reply.status, reply.body)
    if erred is None:
        raise PolicyFault(f"the policy engine answered with status {reply.status}")
    return erred


def _settle(asked: _Asked, answer: PolicyAnswer) -> None:
    if not asked.answer.done():
        asked.answer.set_result(answer)


def _too_late(asked: _Asked) -> None:
    _fail(asked, PolicyFault("the policy engine gave no verdict before the deadline"))


def _fail(asked: _Asked, fault: PolicyFault) -> None:
    if not asked.answer.done():
        asked.answer.set_exception(fault)
