"""Everything that moves a commit or a decision lives here; this file does not know who asks.

1. A terminal row has an empty table row: nothing leaves it.
2. Nothing ever goes back to absent. An expired lease means nobody knows, so the commit is UNKNOWN.
3. The store repeats this law in SQL: an update names the state it leaves.
"""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Of one generation of a commit."""

    FORWARDING = "FORWARDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    DENIED = "DENIED"
    UNKNOWN = "UNKNOWN"


class Event(StrEnum):
    HOST_DID = "HOST_DID"
    HOST_DID_NOT = "HOST_DID_NOT"
    NOBODY_KNOWS = "NOBODY_KNOWS"
    FOUND_DONE = "FOUND_DONE"
    FOUND_NOT_DONE = "FOUND_NOT_DONE"


MOVES: Final[dict[State, dict[Event, State]]] = {
    State.FORWARDING: {Event.HOST_DID: State.SUCCEEDED, Event.HOST_DID_NOT: State.FAILED, Event.NOBODY_KNOWS: State.UNKNOWN},
    State.UNKNOWN: {
        Event.HOST_DID: State.SUCCEEDED,  # the owner's own late answer (R4)
        Event.HOST_DID_NOT: State.FAILED,
        Event.FOUND_DONE: State.SUCCEEDED,
        Event.FOUND_NOT_DONE: State.FAILED,
    },
    State.SUCCEEDED: {},
    State.FAILED: {},
    State.DENIED: {},
}

TERMINAL: Final = frozenset(state for state, moves in MOVES.items() if not moves)
SUPERSEDABLE: Final = frozenset({State.FAILED, State.DENIED})


def advance(state: State, event: Event) -> State | None:
    """The next state, or None where the law knows no such move."""
    return MOVES[state].get(event)


class Thinking(StrEnum):
    """State of one generation of a decision."""

    THINKING = "THINKING"
    DECIDED = "DECIDED"
    ABSTAINED = "ABSTAINED"
    STOPPED = "STOPPED"


DECISION_MOVES: Final[dict[Thinking, frozenset[Thinking]]] = {
    Thinking.THINKING: frozenset({Thinking.DECIDED, Thinking.ABSTAINED, Thinking.STOPPED}),
    Thinking.DECIDED: frozenset(),
    Thinking.ABSTAINED: frozenset(),
    Thinking.STOPPED: frozenset(),
}
DECISION_SUPERSEDABLE: Final = frozenset({Thinking.ABSTAINED, Thinking.STOPPED})
