"""A step with several ballots: inside one set of limits, in permuted orders, agreed or abstained."""

import json
from dataclasses import replace

import pytest

from agent.models.port import Answer, AtOnce, ModelFault, Question
from agent.models.scripted import Script, ScriptedModel
from agent.runner import Agent
from agent.task import Agreement, Ended, Progress, Stop
from tests.unit.agent.made import DEAR, OPTIONS, card, limits, task

PRO = {"action": "decide", "option": "team_pro", "rationale": "it fits"}
BIG = {"action": "decide", "option": "enterprise", "rationale": "it is big"}


class FirstListed(AtOnce):
    """A judge of nothing: it takes whatever is listed first."""

    def __init__(self) -> None:
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> Answer | ModelFault:
        self.asked.append(question)
        shown = question.schema["properties"]
        assert isinstance(shown, dict)
        return await ScriptedModel([{"action": "decide", "option": shown["option"]["enum"][0]}]).ask(question)

    async def close(self) -> None:
        """Nothing is held open."""


def ignore(progress: Progress) -> None:
    assert progress.usage.steps >= 0


async def voted(script: Script, *, votes: int = 3, agreement_min: int = 2, steps_max: int = 6) -> Ended:
    given = replace(task(within=limits(steps_max=steps_max)), votes=votes, agreement_min=agreement_min)
    return await Agent(models={"local": ScriptedModel(script)}, tools={}).think(given, ignore)


async def test_a_majority_is_proposed_with_its_agreement() -> None:
    """Two of three, in the words of the first that said so."""
    ended = await voted([BIG, PRO, PRO | {"rationale": "later"}])

    assert (ended.stop, ended.option, ended.rationale) == (Stop.FINAL_RESULT, "team_pro", "it fits")
    assert ended.agreement == Agreement(votes=3, agreeing=2, abstained=0, agreement_min=2)
    assert [(one.ballot, one.option) for one in ended.calls] == [(1, "enterprise"), (2, "team_pro"), (3, "team_pro")]


async def test_a_model_that_takes_the_first_listed_is_seen_through() -> None:
    """Each order names another option: no agreement, and the positions say why."""
    model = FirstListed()
    given = replace(task(within=limits(steps_max=4)), votes=2, agreement_min=2)

    ended = await Agent(models={"local": model}, tools={}).think(given, ignore)

    assert (ended.stop, ended.option) == (Stop.ABSTAINED, "")
    assert "tied" in ended.detail
    assert [(one.option, one.position) for one in ended.calls] == [("team_pro", 1), ("enterprise", 1)]
    assert [[*OPTIONS].index(one.option) for one in ended.calls] == [0, 1]


@pytest.mark.parametrize(
    ("script", "agreement_min", "detail"),
    [
        ([PRO, BIG, {"action": "abstain"}], 1, "tied"),
        ([PRO, PRO, BIG], 3, "fewer than 3 of 3"),
        ([{"action": "abstain"}], 1, "fewer than 1 of 3"),
    ],
)
async def test_too_little_agreement_is_an_abstention(script: Script, agreement_min: int, detail: str) -> None:
    """With what was said in the detail."""
    ended = await voted(script, agreement_min=agreement_min)

    assert (ended.stop, ended.option) == (Stop.ABSTAINED, "")
    assert detail in ended.detail


@pytest.mark.parametrize(
    ("script", "stop", "calls"),
    [
        ([PRO, PRO | {"option": "platinum"}], Stop.INVALID_OPTION, 2),
        ([PRO, "prose"], Stop.MAX_STEPS, 4),
        ([PRO, ModelFault(detail="it answered HTTP 500", charged=True)], Stop.MODEL_FAULT, 2),
    ],
)
async def test_a_ballot_that_ends_otherwise_ends_the_thinking(script: Script, stop: Stop, calls: int) -> None:
    """Closed: two good ballots do not outvote a bad one. What had been cast is told."""
    ended = await voted(script)

    assert (ended.stop, len(ended.calls)) == (stop, calls)
    assert ended.agreement == Agreement(votes=3, agreeing=1, abstained=0, agreement_min=2)


async def test_all_ballots_are_within_one_set_of_limits() -> None:
    """Three ballots, three steps: none is over, and prose in each share ends where the share does."""
    ended = await voted([PRO], steps_max=3)
    short = await voted([PRO], steps_max=2)

    assert (ended.stop, ended.usage.steps) == (Stop.FINAL_RESULT, 3)
    assert (short.stop, short.usage.steps) == (Stop.MAX_STEPS, 0)


async def test_money_is_shared_too() -> None:
    """A ballot whose share does not carry a question ends the thinking before it asks."""
    given = replace(task(models=(card(price=DEAR),), within=limits(steps_max=6, spend_micros_max=900)), votes=3, agreement_min=2)

    ended = await Agent(models={"local": ScriptedModel([PRO])}, tools={}).think(given, ignore)

    assert (ended.stop, ended.usage.steps) == (Stop.BUDGET_LIMIT, 0)
    assert ended.facts["ledger"] == "spend"
    assert int(ended.facts["limit"]) == 300


async def test_a_model_that_failed_in_one_ballot_is_not_asked_in_the_next() -> None:
    """The next in the list takes over for good."""
    broken, backup = ScriptedModel([ModelFault(detail="it answered HTTP 500", charged=False)]), ScriptedModel([PRO])
    given = replace(task(models=(card(), card("backup")), within=limits(steps_max=8)), votes=3, agreement_min=3)

    ended = await Agent(models={"local": broken, "backup": backup}, tools={}).think(given, ignore)

    assert (ended.stop, len(broken.asked), len(backup.asked)) == (Stop.FINAL_RESULT, 1, 3)
    assert [one.ballot for one in ended.calls] == [1, 1, 2, 3]


async def test_the_same_step_asks_the_same_ballots() -> None:
    """Word for word: nothing is drawn by lot."""
    first, second = ScriptedModel([PRO]), ScriptedModel([PRO])

    for model in (first, second):
        await Agent(models={"local": model}, tools={}).think(replace(task(), votes=2, agreement_min=2), ignore)

    assert [json.dumps([m.content for m in one.messages]) for one in first.asked] == [json.dumps([m.content for m in one.messages]) for one in second.asked]
    assert first.asked[0].messages != first.asked[1].messages
