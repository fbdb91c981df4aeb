"""A model's door: turns, its queue, its own time, and when it is left alone."""

import asyncio
from dataclasses import replace

import pytest

from agent.models.port import Answer, AtOnce, ModelFault, Question
from agent.models.scripted import ScriptedModel
from agent.models.spec import ModelSpec
from agent.models.turns import Turns
from tests.unit.agent.made import FREE

SPEC = ModelSpec(name="m", base_url="http://127.0.0.1:1/v1", model="tiny", api_key=None, price=FREE, concurrency_max=1)
DECIDE = {"action": "decide", "option": "team_pro"}
LASTING = ModelFault(detail="it answered HTTP 500", charged=True, lasting=True)


class Held(AtOnce):
    """Answers when it is let; knows how many questions are with it."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.reached = asyncio.Event()
        self.together = self.together_max = 0

    async def ask(self, question: Question) -> Answer | ModelFault:
        self.together += 1
        self.together_max = max(self.together_max, self.together)
        self.reached.set()
        try:
            await self.let.wait()
        finally:
            self.together -= 1
        return await ScriptedModel([DECIDE]).ask(question)

    async def close(self) -> None:
        self.let.set()


def question(*, in_s: float = 10.0) -> Question:
    return Question(messages=(), schema={}, completion_tokens_max=100, deadline_s=asyncio.get_running_loop().time() + in_s, traceparent="")


async def asked(model: Turns, one: Question) -> Answer | ModelFault:
    """In its turn, as the runner asks."""
    async with model.turn(one.deadline_s) as refused:
        return refused or await model.ask(one)


async def test_no_more_questions_are_out_than_allowed() -> None:
    """The others wait their turn here, where it costs the server nothing."""
    held = Held()
    model = Turns(held, replace(SPEC, concurrency_max=2))
    asking = [asyncio.create_task(asked(model, question())) for _ in range(6)]
    await held.reached.wait()
    held.let.set()
    answers = await asyncio.gather(*asking)

    assert all(isinstance(answer, Answer) for answer in answers)
    assert held.together_max == 2


async def test_a_full_queue_is_a_fault_that_costs_nothing() -> None:
    """Nor does it put the model aside: it is busy, not broken."""
    held = Held()
    model = Turns(held, replace(SPEC, queue_max=1))
    asking = [asyncio.create_task(asked(model, question())) for _ in range(2)]
    await held.reached.wait()
    await asyncio.sleep(0)

    refused = await asked(model, question())
    held.let.set()
    await asyncio.gather(*asking)

    assert isinstance(refused, ModelFault)
    assert (refused.detail, refused.charged) == ("its queue is full: 1 questions are out and 1 wait", False)
    assert not model.aside


async def test_a_question_that_waited_to_its_deadline_was_never_sent() -> None:
    """So it is free."""
    held = Held()
    model = Turns(held, SPEC)
    out = asyncio.create_task(asked(model, question()))
    await held.reached.wait()

    late = await asked(model, question(in_s=0.05))
    held.let.set()
    await out

    assert late == ModelFault(detail="no turn came before the deadline", charged=False)


async def test_a_question_that_is_out_too_long_is_a_fault() -> None:
    """Charged, and the model is put aside."""
    model = Turns(Held(), replace(SPEC, answer_ms_max=20))

    heard = await asked(model, question())

    assert heard == ModelFault(detail="no answer within 20 ms", charged=True, lasting=True)
    assert model.aside


async def test_a_question_given_up_frees_its_turn() -> None:
    """Cancellation leaves nothing behind."""
    held = Held()
    model = Turns(held, SPEC)
    first = asyncio.create_task(asked(model, question()))
    await held.reached.wait()
    first.cancel()
    held.let.set()

    answer = await asked(model, question())

    assert isinstance(answer, Answer)
    assert not model.aside


@pytest.mark.parametrize(("fault", "aside"), [(LASTING, True), (replace(LASTING, lasting=False), False)])
async def test_a_lasting_fault_puts_the_model_aside(fault: ModelFault, *, aside: bool) -> None:
    """One that this question may have caused does not: nobody can put a model aside for others."""
    model = Turns(ScriptedModel([fault]), SPEC)

    await asked(model, question())

    assert model.aside is aside


async def test_an_answer_brings_it_back_and_so_does_time() -> None:
    """Whichever comes first."""
    answered = Turns(ScriptedModel([LASTING, DECIDE]), SPEC)
    waited = Turns(ScriptedModel([LASTING]), replace(SPEC, aside_ms=0))

    await asked(answered, question())
    await asked(answered, question())
    await asked(waited, question())

    assert (answered.aside, waited.aside) == (False, False)


@pytest.mark.parametrize(("queue", "answer_ms", "aside_ms", "name"), [(-1, 1, 0, "queue_max"), (0, 0, 0, "answer_ms_max"), (0, 1, 3_600_001, "aside_ms")])
def test_bounds_of_the_door_are_bounded(queue: int, answer_ms: int, aside_ms: int, name: str) -> None:
    """It says which one, and from where to where."""
    with pytest.raises(ValueError, match=f"model m: {name} must be"):
        replace(SPEC, queue_max=queue, answer_ms_max=answer_ms, aside_ms=aside_ms)
