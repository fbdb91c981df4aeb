"""The lifecycle: every pair of state and event, legal and not, written out from the design and not computed from the code."""

from itertools import product

from gateway.domain.lifecycle import DECISION_MOVES, DECISION_SUPERSEDABLE, MOVES, SUPERSEDABLE, TERMINAL, Event, State, Thinking, advance

LEGAL = {
    (State.FORWARDING, Event.HOST_DID): State.SUCCEEDED,
    (State.FORWARDING, Event.HOST_DID_NOT): State.FAILED,
    (State.FORWARDING, Event.NOBODY_KNOWS): State.UNKNOWN,
    (State.UNKNOWN, Event.HOST_DID): State.SUCCEEDED,
    (State.UNKNOWN, Event.HOST_DID_NOT): State.FAILED,
    (State.UNKNOWN, Event.FOUND_DONE): State.SUCCEEDED,
    (State.UNKNOWN, Event.FOUND_NOT_DONE): State.FAILED,
}


def test_every_pair_of_state_and_event_is_as_the_design_says() -> None:
    """Seven moves, and no other."""
    assert {pair: advance(*pair) for pair in product(State, Event)} == {pair: LEGAL.get(pair) for pair in product(State, Event)}


def test_nothing_leaves_a_terminal_state_and_nothing_goes_back() -> None:
    """Terminal rows never change; a commit that was made is never unmade."""
    assert {State.SUCCEEDED, State.FAILED, State.DENIED} == TERMINAL
    assert set(MOVES) == set(State)
    assert State.FORWARDING not in {to for moves in MOVES.values() for to in moves.values()}


def test_only_what_definitely_had_no_effect_can_be_superseded() -> None:
    """FAILED and DENIED; of decisions, what decided nothing."""
    assert {State.FAILED, State.DENIED} == SUPERSEDABLE
    assert {Thinking.ABSTAINED, Thinking.STOPPED} == DECISION_SUPERSEDABLE


def test_a_decision_ends_once() -> None:
    """From THINKING to one of three ends."""
    ends = {Thinking.DECIDED, Thinking.ABSTAINED, Thinking.STOPPED}

    assert DECISION_MOVES[Thinking.THINKING] == ends
    assert [DECISION_MOVES[end] for end in ends] == [frozenset()] * 3
    assert set(DECISION_MOVES) == set(Thinking)
