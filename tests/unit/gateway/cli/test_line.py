"""Whom the command talks to, and what it makes of a no, of silence and of nobody being there."""

from pathlib import Path

import grpc
import pytest

from countersign.v1 import operator_pb2
from tests.unit.gateway.cli.conftest import Run
from tests.unit.gateway.cli.scripted import Refusal, ScriptedOperator


def test_the_address_may_come_from_the_environment(run: Run, listener: ScriptedOperator) -> None:
    """What is typed goes over what is set."""
    listener.says(operator_pb2.ListHaltsResponse())

    done = run("halts", environment={"COUNTERSIGN_OPERATOR": listener.address})

    assert (done.exit_code, done.stdout.strip()) == (0, "Nothing is halted.")


def test_a_token_travels_with_the_call(run: Run, listener: ScriptedOperator, tmp_path: Path) -> None:
    """From its file, as typed or as set."""
    token = tmp_path / "token"
    token.write_text("a-token-of-some-length\n")
    listener.says(operator_pb2.ListHaltsResponse(), operator_pb2.ListHaltsResponse())

    typed = run("halts", "--gateway", listener.address, "--token-file", str(token))
    was_set = run("halts", "--gateway", listener.address, environment={"COUNTERSIGN_OPERATOR_TOKEN_FILE": str(token)})

    assert typed.exit_code == was_set.exit_code == 0
    assert [metadata["authorization"] for _, _, metadata in listener.seen] == ["Bearer a-token-of-some-length"] * 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "no gateway is named"),
        (("--gateway", "unix:/no/such/folder/operator.sock"), 3, "there is no socket /no/such/folder/operator.sock"),
        (("--gateway", "10.1.2.3:7443"), 2, "a line that is not encrypted stays on this machine"),
        (("--gateway", "127.0.0.1:9", "--timeout", "0.2"), 3, "no answer from 127.0.0.1:9 within 0.2 s"),
        (("--gateway", "127.0.0.1:9", "--token-file", "/no/such/token"), 2, "/no/such/token cannot be read"),
        (("--gateway", "127.0.0.1:9", "--timeout", "0"), 2, "greater than or equal to 0.1"),
    ],
)
def test_nobody_there_is_told_from_a_wrong_command(run: Run, words: tuple[str, ...], code: int, said: str) -> None:
    """Scripts branch on the code, people read the sentence; standard output stays empty."""
    done = run("halts", *words)

    assert done.exit_code == code
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (Refusal(grpc.StatusCode.NOT_FOUND, "NOT_FOUND", "there is no such run"), 1),
        (Refusal(grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED", "look at the field", field="run_id"), 2),
        (Refusal(grpc.StatusCode.UNAVAILABLE, "NOT_READY", "it is starting"), 3),
        (Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", "too much at once"), 3),
        (Refusal(grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED", "not this role"), 4),
        (Refusal(grpc.StatusCode.UNIMPLEMENTED, "NOT_BUILT", "not yet"), 4),
        (Refusal(grpc.StatusCode.INTERNAL, "BUG", "impossible"), 70),
    ],
)
def test_a_no_of_the_gateway_has_its_code(ask: Run, listener: ScriptedOperator, refusal: Refusal, code: int) -> None:
    """By the status it travelled as; its own words go to standard error."""
    listener.says(refusal)

    done = ask("run", "show", "r-1")

    assert done.exit_code == code
    assert refusal.message in done.stderr
    assert ("run_id: not this" in done.stderr) is (code == 2)


def test_a_message_cannot_steer_the_terminal(ask: Run, listener: ScriptedOperator) -> None:
    """Even a gateway's own sentence is shown, never sent."""
    listener.says(Refusal(grpc.StatusCode.NOT_FOUND, "NOT_FOUND", "gone \x1b]0;owned\x07 [red]x[/red]"))

    done = ask("run", "show", "r-1")

    assert "\x1b" not in done.stderr
    assert "\\x1b]0;owned\\x07 [red]x[/red]" in done.stderr
