"""How questions are gathered and isolated, seen from the other end of the socket: a small engine that says what it was asked."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from gateway.adapters.opa.answers import ANSWER_BYTES_MAX
from gateway.adapters.opa.client import OpaClient
from gateway.adapters.opa.serving import Serving
from gateway.domain.faults import PolicyFault
from gateway.domain.limits import BATCH_MAX
from gateway.ports.policy import Document, Entrypoint, Erred, Question

Input = dict[str, str]
Answer = Callable[[list[Input], web.Request], Awaitable[web.StreamResponse | None]]
CONFLICT = {"code": "internal_error", "errors": [{"code": "eval_conflict_error", "message": "conflict", "location": {"file": "f", "row": 1}}]}


@dataclass
class Engine:
    """Answers each question with its own `say`, unless `answer` does something else with the request."""

    answer: Answer
    requests: list[list[Input]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked: dict[str, Input] = json.loads(await request.read())["input"]
        self.requests.append(list(asked.values()))
        self.headers.append(dict(request.headers))
        special = await self.answer(list(asked.values()), request)
        return special or web.json_response({"result": {asked_id: [item["say"]] for asked_id, item in asked.items()}})


async def plainly(_asked: list[Input], _request: web.Request) -> web.StreamResponse | None:
    return None


@asynccontextmanager
async def served(answer: Answer = plainly) -> AsyncIterator[tuple[Serving, Engine]]:
    engine = Engine(answer)
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/v1/data/countersign_gateway/{entrypoint}", engine.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    with tempfile.TemporaryDirectory(prefix="cs-") as folder:
        socket = Path(folder) / "s"
        await web.UnixSite(runner, str(socket)).start()
        client = OpaClient(socket)
        await client.open()
        try:
            yield Serving(client=client, healthy=lambda: True), engine
        finally:
            await client.close_connection()
            await runner.cleanup()


def question(
    say: str, *, tenant: str = "acme", entrypoint: Entrypoint = Entrypoint.COMMIT, seconds: float = 10.0, traceparent: str = "", padding: int = 0
) -> Question:
    document = json.dumps({"say": say, "tenant": tenant, "padding": "x" * padding}).encode()
    deadline_s = asyncio.get_running_loop().time() + seconds
    return Question(entrypoint=entrypoint, activation_number=1, tenant=tenant, input_json=document, deadline_s=deadline_s, traceparent=traceparent)


async def test_questions_that_come_together_leave_together() -> None:
    """They share requests of at most the batch limit."""
    async with served() as (serving, engine):
        answers = await asyncio.gather(*(serving.ask(question(f"n{place}")) for place in range(BATCH_MAX + 5)))

        assert answers == [Document(f"n{place}") for place in range(BATCH_MAX + 5)]
        assert sorted(len(asked) for asked in engine.requests) == [5, BATCH_MAX]


async def test_tenants_and_entrypoints_never_share_a_request() -> None:
    """What one tenant asks can neither slow nor spoil another's."""
    async with served() as (serving, engine):
        asked = [(f"t{place % 3}", entrypoint) for place in range(30) for entrypoint in Entrypoint]
        await asyncio.gather(*(serving.ask(question("x", tenant=tenant, entrypoint=entrypoint)) for tenant, entrypoint in asked))

        assert len(engine.requests) == 6  # one for each of three tenants at two entrypoints
        assert {len({item["tenant"] for item in asked}) for asked in engine.requests} == {1}


async def test_large_questions_make_small_batches() -> None:
    """A request holds about a mebibyte at most, unless a single question is larger."""
    async with served() as (serving, engine):
        await asyncio.gather(*(serving.ask(question("x", padding=300_000)) for _ in range(8)))

        assert max(len(asked) for asked in engine.requests) == 3


async def test_when_a_request_errs_each_question_is_asked_alone_once() -> None:
    """Only the guilty one is told so."""

    async def conflict(asked: list[Input], _request: web.Request) -> web.StreamResponse | None:
        return web.json_response(CONFLICT, status=500) if any(item["say"] == "guilty" for item in asked) else None

    async with served(conflict) as (serving, engine):
        answers = await asyncio.gather(*(serving.ask(question(say)) for say in ("first", "a", "guilty", "b")))

        assert answers[:2] == [Document("first"), Document("a")]
        assert isinstance(answers[2], Erred)
        assert answers[3] == Document("b")
        assert sorted(len(asked) for asked in engine.requests) == [1, 1, 1, 1, 4]


async def test_a_question_missing_from_the_answer_is_asked_alone() -> None:
    """The others keep the answer they have."""

    async def forget(asked: list[Input], request: web.Request) -> web.StreamResponse | None:
        body: dict[str, Input] = json.loads(await request.read())["input"]
        kept = {asked_id: [item["say"]] for asked_id, item in body.items() if item["say"] != "b" or len(asked) == 1}
        return web.json_response({"result": kept})

    async with served(forget) as (serving, engine):
        answers = await asyncio.gather(*(serving.ask(question(say)) for say in ("first", "a", "b", "c")))

        assert answers == [Document("first"), Document("a"), Document("b"), Document("c")]
        assert [[item["say"] for item in asked] for asked in engine.requests] == [["first", "a", "b", "c"], ["b"]]


async def test_half_the_hurried_ones_time_is_all_a_request_gets() -> None:
    """A request that hangs is given up while there is time to ask alone."""
    hang = asyncio.Event()

    async def hanging(asked: list[Input], _request: web.Request) -> web.StreamResponse | None:
        if len(asked) > 1:
            await hang.wait()
        return None

    async with served(hanging) as (serving, _engine):
        started_s = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*(serving.ask(question(say, seconds=seconds)) for say, seconds in (("first", 9), ("a", 0.6), ("b", 9))))
        took_s = asyncio.get_running_loop().time() - started_s
        hang.set()

        assert answers == [Document("first"), Document("a"), Document("b")]
        assert 0.25 < took_s < 0.6


async def test_a_lost_connection_is_tried_once_more() -> None:
    """Evaluation has no effects, so one repetition is free; the caller notices nothing."""
    dropped: list[bool] = []

    async def drop_first(_asked: list[Input], request: web.Request) -> web.StreamResponse | None:
        if not dropped:
            dropped.append(True)
            assert request.transport is not None
            request.transport.close()
        return None

    async with served(drop_first) as (serving, engine):
        answer = await serving.ask(question("x"))

        assert answer == Document("x")
        assert len(engine.requests) == 2


async def test_a_connection_lost_twice_is_a_fault() -> None:
    """Then nobody could find out."""

    async def drop(_asked: list[Input], request: web.Request) -> web.StreamResponse | None:
        assert request.transport is not None
        request.transport.close()
        return None

    async with served(drop) as (serving, engine):
        with pytest.raises(PolicyFault, match="connection failed"):
            await serving.ask(question("x"))
        assert len(engine.requests) == 2


async def test_one_that_breaks_the_connection_spoils_no_neighbour() -> None:
    """A question the engine dies of is alone in its fault."""

    async def drop(asked: list[Input], request: web.Request) -> web.StreamResponse | None:
        if any(item["say"] == "deadly" for item in asked):
            assert request.transport is not None
            request.transport.close()
        return None

    async with served(drop) as (serving, _engine):
        answers = await asyncio.gather(*(serving.ask(question(say)) for say in ("first", "a", "deadly", "b")), return_exceptions=True)

        assert [answers[0], answers[1], answers[3]] == [Document("first"), Document("a"), Document("b")]
        assert isinstance(answers[2], PolicyFault)


async def test_an_error_of_the_engine_itself_is_asked_once_and_is_a_fault() -> None:
    """An answer is never asked for again: not by us, not by the library."""

    async def broken(_asked: list[Input], _request: web.Request) -> web.StreamResponse | None:
        return web.json_response({"code": "internal_error", "message": "storage"}, status=500)

    async with served(broken) as (serving, engine):
        with pytest.raises(PolicyFault, match="status 500"):
            await serving.ask(question("x"))
        assert len(engine.requests) == 1


async def test_an_answer_without_end_is_cut_off_and_is_the_questions_fault() -> None:
    """Alone it makes the engine say more than is read."""

    async def flood(_asked: list[Input], request: web.Request) -> web.StreamResponse | None:
        body: dict[str, Input] = json.loads(await request.read())["input"]
        return web.json_response({"result": {asked_id: ["y" * 2 * ANSWER_BYTES_MAX] for asked_id in body}})

    async with served(flood) as (serving, _engine):
        answer = await serving.ask(question("x"))

        assert answer == Erred(f"the answer is longer than {ANSWER_BYTES_MAX} bytes")


async def test_an_answer_to_another_question_is_a_fault() -> None:
    """A response that names an id we did not ask answers nobody."""

    async def stranger(_asked: list[Input], _request: web.Request) -> web.StreamResponse | None:
        return web.json_response({"result": {"somebody": [{"allow": True, "reasons": []}]}})

    async with served(stranger) as (serving, _engine):
        with pytest.raises(PolicyFault, match="another question"):
            await serving.ask(question("x"))


async def test_the_trace_travels_with_a_lone_question_and_only_when_well_formed() -> None:
    """Nothing of a caller's making becomes a header unless it is exactly a trace context."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    async with served() as (serving, engine):
        await serving.ask(question("x", traceparent=trace))
        await serving.ask(question("x", traceparent="00-evil\r\nX-Admin: 1"))

        assert [headers.get("traceparent") for headers in engine.headers] == [trace, None]


async def test_nobody_waits_for_an_engine_known_to_be_down() -> None:
    """The fault is immediate, and nothing is sent."""
    async with served() as (_serving, engine):
        down = Serving(client=OpaClient(Path("/nowhere")), healthy=lambda: False)

        with pytest.raises(PolicyFault, match="is down"):
            await down.ask(question("x"))
        assert engine.requests == []


async def test_draining_waits_for_the_answers_under_way() -> None:
    """A retired engine still owes its last answers."""
    flowing = asyncio.Event()

    async def slowly(_asked: list[Input], _request: web.Request) -> web.StreamResponse | None:
        await flowing.wait()
        return None

    async with served(slowly) as (serving, _engine):
        asking = asyncio.gather(*(serving.ask(question(f"n{place}")) for place in range(5)))
        await asyncio.sleep(0)
        draining = asyncio.create_task(serving.drain())
        await asyncio.sleep(0)
        still_draining = not draining.done()
        flowing.set()
        await draining

        assert still_draining
        assert await asking == [Document(f"n{place}") for place in range(5)]
