"""Halts: what a scope covers and what it leaves alone."""

from dataclasses import fields, replace

import pytest

from gateway.domain.halts import Halt, HaltScope, Reach, covers, denies, not_halted_models, says

COMMIT = Reach(tenant="acme", workflow="onboarding", step="activate", run_id="run-1", action="activate_plan", target="billing")
DECIDE = Reach(tenant="acme", workflow="onboarding", step="select_plan", run_id="run-1", models=("small", "large"))


def test_no_field_set_means_everything() -> None:
    """Commits and decisions of every tenant."""
    assert covers(HaltScope(), COMMIT)
    assert covers(HaltScope(), DECIDE)


@pytest.mark.parametrize("name", [field.name for field in fields(HaltScope) if field.name != "model"])
def test_every_field_narrows_by_itself(name: str) -> None:
    """It covers what has its value and nothing else, to the letter."""
    value = getattr(COMMIT, name)

    assert covers(replace(HaltScope(), **{name: value}), COMMIT)
    assert not covers(replace(HaltScope(), **{name: value + "x"}), COMMIT)
    assert not covers(replace(HaltScope(), **{name: value.upper()}), COMMIT)


def test_all_fields_that_are_set_must_match() -> None:
    """One that does not is enough."""
    scope = HaltScope(tenant="acme", workflow="onboarding", action="activate_plan", target="billing")

    assert covers(scope, COMMIT)
    assert not covers(replace(scope, target="mail"), COMMIT)


def test_actions_and_targets_are_for_commits_and_models_for_decisions() -> None:
    """A scope never covers what it cannot be about."""
    assert not covers(HaltScope(action="activate_plan"), DECIDE)
    assert not covers(HaltScope(target="billing"), DECIDE)
    assert not covers(HaltScope(model="small"), COMMIT)
    assert covers(HaltScope(model="large"), DECIDE)
    assert not covers(HaltScope(model="huge"), DECIDE)


def test_a_scope_is_said_for_a_person() -> None:
    """What is set, in the order of the contract."""
    assert says(HaltScope()) == "everything"
    assert says(HaltScope(action="activate_plan", tenant="acme")) == "tenant=acme action=activate_plan"


def halt_on(**scope: str) -> Halt:
    return Halt(halt_id="h", scope=HaltScope(**scope), reason="r", principal="p", thrown_at_ms=1, lifted_at_ms=0, lifted_by="", lift_reason="")


def test_a_halted_model_is_taken_out_of_what_may_be_asked() -> None:
    """In its scope only, in the order of preference; no other halt touches the models."""
    reach = Reach(tenant="acme", workflow="w", step="s", run_id="r", models=("small", "large", "backup"))

    assert not_halted_models(reach, []) == ("small", "large", "backup")
    assert not_halted_models(reach, [halt_on(model="large")]) == ("small", "backup")
    assert not_halted_models(reach, [halt_on(model="large", tenant="other"), halt_on(tenant="acme"), halt_on(model="small", step="s")]) == ("large", "backup")


def test_a_halt_on_a_model_denies_only_where_no_other_is_left() -> None:
    """Any other halt in scope denies."""
    reach = Reach(tenant="acme", workflow="w", step="s", run_id="r", models=("small", "large"))

    assert not denies(halt_on(model="small"), reach, ("large",))
    assert denies(halt_on(model="small"), reach, ())
    assert not denies(halt_on(model="elsewhere"), reach, ())
    assert denies(halt_on(tenant="acme"), reach, ("small", "large"))
