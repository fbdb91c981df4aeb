"""The tables of `domain/` as pages: reasons, stops, limits, what a host's answer means, the lifecycle, roles, guards."""

import inspect
from collections.abc import Callable, Iterable, Sequence

from gateway.domain import guards as law_of_t1
from gateway.domain import host_answer, identity
from gateway.domain import reasons as closed
from gateway.domain.identity import ALLOWED, Role
from gateway.domain.lifecycle import DECISION_MOVES, DECISION_SUPERSEDABLE, MOVES, SUPERSEDABLE, TERMINAL, Thinking
from gateway.domain.limits import TABLE as LIMITS
from gateway.domain.reasons import TABLE, DecideStop, Kind, Reason, RunStop

_KINDS = {
    Kind.REFUSAL: ("Refusals", "The request was not taken: nothing forwarded, nothing recorded against the key. An error with `google.rpc.ErrorInfo`."),
    Kind.DENIAL: ("Denials", "`DENIED`, with status OK: recorded, and final for this generation of the key."),
    Kind.FAILURE: ("Failures", "`FAILED`: the host definitely did not apply the write; what was held is released."),
    Kind.UNKNOWN: ("Unknowns", "`UNKNOWN`: the write may have happened; what was held stays held. Never send it elsewhere."),
    Kind.ALERT: ("Alerts", "Somebody has to look."),
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |\n" for line in lines)


def law_of(module: object) -> str:
    """A module's docstring without its title: its numbered law."""
    return inspect.cleandoc(str(module.__doc__)).partition("\n")[2].strip()


def reasons() -> str:
    page = f"# Reasons\n\nEvery answer that is not a plain yes says why, with one of these.\n\n{law_of(closed)}\n"
    for kind, (title, what) in _KINDS.items():
        rows = [(f"`{reason}`", row.status, row.retry, row.who, row.meaning) for reason, row in TABLE.items() if row.kind is kind]
        page += f"\n## {title}\n\n{what}\n\n" + table(("reason", "status", "retry", "who can act", "meaning"), rows)
    return page


def stops() -> str:
    decide = table(("why thinking ended",), [(f"`{stop}`",) for stop in DecideStop])
    run = table(("why a run ended",), [(f"`{stop}`",) for stop in RunStop])
    return f"# Stops\n\nThinking ends with one of these (`DecideStop`):\n\n{decide}\nA run ends once, with one of these (`RunStop`):\n\n{run}"


def limits() -> str:
    return "# Limits\n\nThe ceiling. Settings and boundary may be tighter.\n\n" + table(("what", "limit"), [(row.what, row.value) for row in LIMITS])


def host_answers() -> str:
    rows = [*host_answer.ROWS, host_answer.ANYTHING_ELSE, host_answer.SILENCE]
    told = [(row.observed, _numbers(row.statuses) or ", ".join(row.codes), row.host_class, row.reason or "-", row.why) for row in rows]
    head = ("what was seen", "statuses", "means", "reason", "why")
    return f"# What a host's answer means\n\n{law_of(host_answer)}\n\n" + table(head, [[str(cell) for cell in row] for row in told])


def _numbers(statuses: Sequence[int]) -> str:
    """`200-201, 203-299`: runs of neighbours drawn together."""
    runs: list[list[int]] = []
    for status in sorted(statuses):
        if runs and status == runs[-1][-1] + 1:
            runs[-1].append(status)
        else:
            runs.append([status])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def lifecycle() -> str:
    arrows = ["[*] --> FORWARDING: T1 admits", "[*] --> DENIED: T1 denies"]
    arrows += [f"{state} --> {after}: {event}" for state, moves in MOVES.items() for event, after in moves.items()]
    arrows += [f"{state} --> [*]" for state in MOVES if state in TERMINAL]
    thinking = ["[*] --> THINKING: T1 admits", "[*] --> STOPPED: T1 denies"]
    thinking += [f"{state} --> {after}" for state in Thinking for after in Thinking if after in DECISION_MOVES[state]]
    thinking += [f"{state} --> [*]" for state in Thinking if not DECISION_MOVES[state]]
    again = f"A new generation of a key may supersede: {_names(SUPERSEDABLE)}."
    rethink = f"A new generation of a key may supersede: {_names(DECISION_SUPERSEDABLE)}."
    return f"# Lifecycle\n\n## A commit, one generation of its key\n\n{_diagram(arrows)}\n{again}\n\n## A decision\n\n{_diagram(thinking)}\n{rethink}\n"


def _diagram(arrows: Sequence[str]) -> str:
    return "```mermaid\nstateDiagram-v2\n" + "".join(f"    {arrow}\n" for arrow in arrows) + "```\n"


def _names(members: Iterable[str]) -> str:
    return ", ".join(f"`{member}`" for member in sorted(members))


def roles() -> str:
    methods = sorted({method for allowed in ALLOWED.values() for method in allowed}, key=lambda one: (one not in ALLOWED[Role.WORKFLOW], one))
    rows = [[f"`{method}`", *("yes" if method in ALLOWED[role] else "" for role in Role)] for method in methods]
    return f"# Roles\n\n{law_of(identity)}\n\n" + table(("method", *Role), rows)


def guards() -> str:
    walked: list[Callable[..., object]] = [*law_of_t1.GUARDS, law_of_t1.hold_budgets, law_of_t1.recordable]
    lines = "".join(f"{place}. `{guard.__name__}`{_sentence(guard)}\n" for place, guard in enumerate(walked, start=1))
    return f"# The guards of T1, in order\n\n{law_of(law_of_t1)}\n\nWalked as they stand in the code:\n\n{lines}"


def _sentence(guard: Callable[..., object]) -> str:
    said = inspect.getdoc(guard)
    return f": {said.splitlines()[0]}" if said else ""


assert set(_KINDS) == set(Kind), "every kind of reason has its section"
assert set(TABLE) == set(Reason), "every reason has its row"
