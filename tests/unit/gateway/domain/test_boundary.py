"""Which steps decide which actions, how long a lease must be, and what a refusal shows of the boundary."""

from dataclasses import replace

import pytest

from gateway.domain.reasons import Reason
from gateway.domain.refusal import malformed, undeclared
from tests.fakes.activation import WORKFLOW, activation
from tests.fakes.gateway import terms

FLOW = activation().boundary.workflows[WORKFLOW]


def test_an_action_is_decided_by_the_agentic_steps_that_list_it() -> None:
    """A deterministic step that commits it decides nothing."""
    assert FLOW.deciders("activate_plan") == {"select"}
    assert FLOW.deciders("top_up") == FLOW.deciders("nowhere") == frozenset()


def test_every_agentic_step_that_lists_an_action_may_decide_it() -> None:
    """With its own digest."""
    second = replace(FLOW.steps["select"], name="review", digest=b"review")
    flow = replace(FLOW, steps={**FLOW.steps, "review": second})

    assert flow.decider_digests("activate_plan") == {"select": FLOW.steps["select"].digest, "review": b"review"}


def test_a_lease_outlasts_everything_one_attempt_can_take() -> None:
    """R10: connect, send, read, and the margins around them."""
    of = terms("billing")

    assert of.lease_ms - of.send_margin_ms > of.wire_ms_max
    assert of.lease_ms > of.wire_ms_max + of.send_margin_ms


@pytest.mark.parametrize(("known", "shown"), [([], "declared: none."), (["b", "a"], "declared: a, b."), ([f"n{n}" for n in range(9)], "n7, ….")])
def test_what_is_undeclared_is_told_beside_what_is_declared(known: list[str], shown: str) -> None:
    """Up to eight names, sorted."""
    refusal = undeclared("step", "nowhere", known)

    assert (refusal.reason, refusal.facts, refusal.violations[0].path) == (Reason.UNDECLARED, {"step": "nowhere"}, "step")
    assert shown in refusal.message


def test_a_name_from_a_caller_is_cut() -> None:
    """It comes back in a message and in facts."""
    refusal = undeclared("step", "x" * 1_000, [])

    assert (refusal.facts["step"], "x" * 65 in refusal.message) == ("x" * 64, False)


def test_a_malformed_field_is_named_with_its_problem() -> None:
    """Once for a person, once for a program."""
    refusal = malformed("payload/a", "too long")

    assert (refusal.message, [(one.path, one.problem) for one in refusal.violations]) == ("payload/a: too long", [("payload/a", "too long")])
