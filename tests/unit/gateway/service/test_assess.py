"""Rehearsing a step, and a labelled set through it: the stages and limits of a real Decide, and nothing written anywhere."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.domain.handoffs import Concluded
from gateway.domain.lifecycle import Thinking
from gateway.domain.reasons import DecideStop, Reason
from gateway.domain.refusal import Refusal
from gateway.domain.thinking import Earlier
from gateway.service.assess import Assessed, Case, Played, Variant, assess, compare
from gateway.service.rehearse import Rehearsal, Scene
from tests.fakes.activation import OPTIONS, TENANT, WORKFLOW, activation
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds
from tests.fakes.thinker import FakeThinker, Says

DECLARED = Variant(name="declared", models=(), goal="")
SCENE = Scene(tenant=TENANT, workflow=WORKFLOW, step="select", context=b'{"team_size":12}')


def rehearsal(*script: Says, fallback: str = "") -> tuple[Rehearsal, FakeThinker]:
    thinker = FakeThinker(*script)
    return Rehearsal(activation=activation(fallback=fallback), thinker=thinker, clock=FakeClock(), ids=CountingIds()), thinker


def cases(*expected: Sequence[str], options: tuple[str, ...] = ()) -> list[Case]:
    return [Case(name=str(n), context=json.dumps({"team_size": n}).encode(), options=options, expected=tuple(one)) for n, one in enumerate(expected)]


async def assessed(of: Rehearsal, given: Sequence[Case], variant: Variant = DECLARED, told: list[Played] | None = None) -> Assessed:
    found = await assess(of, given, variant, tenant=TENANT, workflow=WORKFLOW, step="select", told=([] if told is None else told).append)
    assert isinstance(found, Assessed)
    return found


async def test_a_rehearsal_is_told_what_a_real_one_would_be() -> None:
    """The step's goal, limits and options, narrowed; other models or another goal where they are named."""
    of, thinker = rehearsal(Says(option="pro"))

    concluded = await of.play(SCENE)
    await of.play(replace(SCENE, options=("pro",), models=("large",), goal="Another.", earlier=(Earlier(step="triage", option="x", source="AGENT"),)))

    assert isinstance(concluded, Concluded)
    assert (concluded.state, concluded.option, concluded.source) == (Thinking.DECIDED, "pro", "AGENT")
    first, second = thinker.briefs
    assert (first.options, first.models, first.goal) == (OPTIONS, ("small",), "Pick the cheapest plan that fits.")
    assert (dict(second.options), second.models, second.goal, second.earlier[0].step) == ({"pro": OPTIONS["pro"]}, ("large",), "Another.", "triage")


@pytest.mark.parametrize(
    ("scene", "reason"),
    [
        (replace(SCENE, step="read_account"), Reason.UNDECLARED),
        (replace(SCENE, step="nowhere"), Reason.UNDECLARED),
        (replace(SCENE, options=("free",)), Reason.UNDECLARED),
        (replace(SCENE, context=b"[]"), Reason.MALFORMED),
        (replace(SCENE, context=b'{"colour":1}'), Reason.MALFORMED),
    ],
)
async def test_what_the_boundary_does_not_take_is_refused(scene: Scene, reason: Reason) -> None:
    """In the words of a real Decide; no model is asked."""
    of, thinker = rehearsal()

    refused = await of.play(scene)

    assert isinstance(refused, Refusal)
    assert (refused.reason, thinker.briefs) == (reason, [])


async def test_words_are_heard_as_they_come() -> None:
    """For whoever watches."""
    of, _ = rehearsal(Says(words=(("asked", b"q"),)))
    heard: list[tuple[str, bytes]] = []

    await of.play(SCENE, lambda label, content: heard.append((label, content)))

    assert heard == [("asked", b"q")]


async def test_right_is_an_option_of_the_label_or_an_abstention_where_it_is_none() -> None:
    """Holding back where there is a label, and deciding where there is none, are wrong; a stop is neither."""
    of, _ = rehearsal(
        Says(option="pro"), Says(option="basic"), Says(stop=DecideStop.ABSTAINED, option=""), Says(stop=DecideStop.ABSTAINED, option=""),
        Says(option="enterprise"), Says(stop=DecideStop.TIMEOUT, option="", detail="no decision within 20000 ms"),
    )  # fmt: skip
    told: list[Played] = []

    found = await assessed(of, cases(["pro"], ["pro", "basic"], [], ["pro"], [], ["pro"]), told=told)

    assert [one.right for one in found.played] == [True, True, True, False, False, False]
    assert (found.accuracy.hits, found.precision.hits, found.precision.of) == (3, 2, 3)
    assert (found.abstained.hits, found.stopped.hits, found.stops["TIMEOUT"]) == (2, 1, 1)
    assert tuple(told) == found.played
    assert found.played[5].detail == "no decision within 20000 ms"
    assert (found.spend_micros.total, found.tokens.total) == (6 * 30, 6 * 110)


async def test_a_model_that_takes_the_first_listed_is_seen() -> None:
    """By the place of what it chose, among what it was offered."""
    of, _ = rehearsal(Says(option="basic"), Says(option="enterprise"), Says(option="basic"))

    found = await assessed(of, cases(["pro"], ["pro"], ["pro"]))
    single, _ = rehearsal(Says(option="pro"))
    alone = await assessed(single, cases(["pro"], options=("pro",)))

    assert (found.first_listed.hits, found.first_listed.of) == (2, 3)
    assert [one.position for one in found.played] == [1, 3, 1]
    assert alone.first_listed.of == 0


async def test_a_case_that_the_boundary_does_not_take_is_named() -> None:
    """Before anybody believes a number."""
    of, _ = rehearsal()
    wrong = [*cases(["pro"]), Case(name="odd", context=b'{"colour":1}', options=(), expected=("pro",))]

    refused = await assess(of, wrong, DECLARED, tenant=TENANT, workflow=WORKFLOW, step="select", told=lambda _: None)

    assert isinstance(refused, Refusal)
    assert refused.message.startswith("case odd: context/colour")


async def test_two_variants_are_compared_by_the_cases_that_differ() -> None:
    """The same cases, in the same order."""
    of, _ = rehearsal(Says(option="pro"), Says(option="basic"), Says(option="pro"), Says(option="pro"))

    first = await assessed(of, cases(["pro"], ["pro"]))
    second = await assessed(of, cases(["pro"], ["pro"]), Variant(name="other", models=("large",), goal=""))
    compared = compare(first, second)

    assert (compared.first, compared.second) == ("declared", "other")
    assert (compared.only_first_right, compared.only_second_right, compared.by_chance) == (0, 1, 1.0)
