"""The three decisions of the example: every question is one its boundary takes, and the tally tells inside from outside."""

from dataclasses import replace
from pathlib import Path

import pytest

from examples.decisions.__main__ import HERE
from examples.decisions.cases import TENANT, WORKFLOW, questions
from examples.decisions.tally import WALL_SLACK_MS, Tally
from gateway.adapters.activation import load_activation
from gateway.cli.cases import read_cases
from gateway.config import load
from gateway.domain.boundary import Activation
from gateway.domain.handoffs import Concluded
from gateway.domain.lifecycle import Thinking
from gateway.domain.reasons import DecideStop
from gateway.domain.records import Usage
from gateway.domain.thinking import Agreement, CallOutcome, ModelCall
from gateway.service.rehearse import Rehearsal
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds
from tests.fakes.thinker import FakeThinker


@pytest.fixture(scope="module")
def law() -> Activation:
    settings = load(HERE / "settings.yaml", {})
    return load_activation(
        HERE / "activation", targets=settings.targets, tools=[], models=[*settings.models], policy_codes=frozenset(), prefetchable=[], tenants=[TENANT]
    )


async def test_every_question_is_one_the_boundary_takes(law: Activation) -> None:
    """The three steps in turn, with labels that are options."""
    asked = list(questions(210))
    rehearsal = Rehearsal(activation=law, thinker=FakeThinker(), clock=FakeClock(), ids=CountingIds())

    concluded = [await rehearsal.play(question.scene) for question in asked]

    steps = law.boundary.workflows[WORKFLOW].steps
    assert all(isinstance(one, Concluded) for one in concluded)
    assert {question.scene.step for question in asked} == set(steps)
    assert all(question.label in steps[question.scene.step].options for question in asked)


def test_the_labelled_cases_of_the_other_example_are_cases() -> None:
    """One JSON object a line, as `decide eval` reads them."""
    cases = read_cases(Path(HERE).parent / "subscription" / "cases.jsonl")

    assert len(cases) >= 24
    assert all(len(case.expected) == 1 for case in cases)
    assert {case.expected[0] for case in cases} == {"team_basic", "team_pro", "enterprise"}


def call(option: str, position: int) -> ModelCall:
    return ModelCall(
        ballot=1, model="local", outcome=CallOutcome.DECIDED, option=option, position=position, detail="", tokens_in=300, tokens_out=20, spend_micros=0,
        wall_ms=900,
    )  # fmt: skip


def concluded(usage: Usage, *, option: str = "", stop: DecideStop = DecideStop.FINAL_RESULT) -> Concluded:
    return Concluded(
        decision_id="d-1", state=Thinking.DECIDED if option else Thinking.STOPPED, option=option, source="AGENT" if option else "", stop=stop, notes=(),
        rationale="", evidence=(), usage=usage, agent_version="", transcript_sha256=b"", stops_run=frozenset(),
    )  # fmt: skip


def test_the_tally_counts_what_was_inside_and_names_what_was_not(law: Activation) -> None:
    """Each limit for itself; the wall clock with a little for the work after it."""
    step = law.boundary.workflows[WORKFLOW].steps["refund_lane"]
    limits = step.limits
    assert limits is not None
    agreement = Agreement(votes=3, agreeing=2, abstained=0, agreement_min=2)
    good = Usage(steps=3, tokens_in=600, tokens_out=40, wall_ms=2_000, calls=(call("review", 1), call("refuse", 1), call("review", 3)), agreement=agreement)
    tally = Tally()

    tally.add(step, concluded(good, option="review"), "review")
    tally.add(step, concluded(replace(good, wall_ms=limits.wall_ms_max + WALL_SLACK_MS), stop=DecideStop.TIMEOUT), "review")
    tally.add(step, concluded(replace(good, tokens_in=9_999), stop=DecideStop.BUDGET_LIMIT), "review")
    told = "\n".join(tally.told())

    of = tally.steps["refund_lane"]
    assert (of.count, of.inside, of.right, of.split) == (3, 2, 1, 3)
    assert tally.outside == ["refund_lane d-1: 10039 of 4000 tokens"]
    assert told.startswith("bounded 2/3")
    assert "places of what was chosen: 1. 67%, 3. 33%; ballots split in 3 of 3" in told
    assert "OUTSIDE refund_lane d-1" in told
