"""What makes two requests the same: each field counts, none runs into another, and the bytes never change silently."""

from dataclasses import dataclass, replace

import pytest

from gateway.domain.fingerprint import VERSION, commit_fingerprint, decide_fingerprint, finish_fingerprint, step_fingerprint


@dataclass(frozen=True)
class Write:
    run_id: str = "run-1"
    workflow: str = "onboarding"
    step: str = "activate"
    action: str = "activate_plan"
    decision_id: str = "d-1"
    payload: bytes = b'{"plan":"team_pro"}'

    def taken(self) -> bytes:
        return commit_fingerprint(
            run_id=self.run_id, workflow=self.workflow, step=self.step, action=self.action, decision_id=self.decision_id, payload=self.payload
        )


@dataclass(frozen=True)
class Question:
    run_id: str = "run-1"
    workflow: str = "onboarding"
    step: str = "select_plan"
    context: bytes = b'{"team_size":12}'
    allowed_options: tuple[str, ...] = ("basic", "pro")
    limits: tuple[int, ...] = (0, 0, 0, 0, 0)

    def taken(self) -> bytes:
        return decide_fingerprint(
            run_id=self.run_id, workflow=self.workflow, step=self.step, context=self.context, allowed_options=self.allowed_options, limits=self.limits
        )


@pytest.mark.parametrize(
    "other",
    [
        Write(run_id="run-2"), Write(workflow="other"), Write(step="other"), Write(action="other"), Write(decision_id=""), Write(payload=b'{"plan":"basic"}'),
        Write(payload=b'{"plan": "team_pro"}'), Write(run_id="run-1o", workflow="nboarding"), Write(run_id="Run-1"),
        Write(step="", action="activateactivate_plan"),
    ],
)  # fmt: skip
def test_another_write_is_another_fingerprint(other: Write) -> None:
    """Also where only the cut between two fields moved; the payload counts byte by byte."""
    assert other.taken() != Write().taken()
    assert replace(other).taken() == other.taken()


@pytest.mark.parametrize(
    "other",
    [
        Question(context=b"{}"), Question(allowed_options=("pro", "basic")), Question(allowed_options=("basicpro",)), Question(allowed_options=()),
        Question(limits=(1, 0, 0, 0, 0)), Question(limits=(0, 1, 0, 0, 0)), Question(step="other"),
    ],
)  # fmt: skip
def test_another_question_is_another_fingerprint(other: Question) -> None:
    """The order of the options counts: it is what the model is shown."""
    assert other.taken() != Question().taken()


def test_kinds_of_requests_are_apart() -> None:
    """The same fields in another kind of request are another content."""
    taken = {
        step_fingerprint(run_id="r", workflow="w", step="s", result=b"x"), finish_fingerprint(run_id="r", workflow="w", stop="s", note="x"),
        commit_fingerprint(run_id="r", workflow="w", step="s", action="", decision_id="", payload=b"x"),
    }  # fmt: skip

    assert len(taken) == 3


def test_the_bytes_of_version_one_stay_as_they_are() -> None:
    """Rows are compared in the version they were written in: a change of these bytes needs a new version."""
    assert VERSION == 1
    assert {
        "commit": Write().taken().hex(), "decide": Question().taken().hex(),
        "step": step_fingerprint(run_id="r", workflow="w", step="s", result=b"x").hex(),
        "finish": finish_fingerprint(run_id="r", workflow="w", stop="FINAL_RESULT", note="größe").hex(),
    } == GOLDEN  # fmt: skip


GOLDEN = {
    "commit": "e96b501a1fc54468a0ea80a9a1dbd346ee5fb7b99975907fa96f5c383aef54a5",
    "decide": "b4d9a3b156afc2bcab43882cb72a9dcd91eef8a359c60ce67b255fa417ef446e",
    "step": "792a613bdc0258fd72103a21ada70210c08f073fdc2a3509ed64cc6af85da85f",
    "finish": "bb6d075b8c97bc5847bfb05e5c5947695bd339bf2984016affb28efaa8ef3893",
}
