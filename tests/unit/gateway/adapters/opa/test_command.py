"""One call of the `opa` command on a machine that is having a bad day: tried again where that can help, and told clearly where it cannot."""

from pathlib import Path

import pytest

from gateway.adapters.opa.command import OpaBroken, OpaCommand
from tests.unit.gateway.adapters.opa.opa_binary import opa_binary

ANSWER = '{"annotations": []}'
REFUSAL = '{\n  "errors": [\n    {\n      "message": "no such thing",\n      "location": null,\n      "details": "none"\n    }\n  ]\n}'


def opa(folder: Path, *turns: str) -> OpaCommand:
    """A stand-in: a shell script that takes the next of `turns` at each call, and the last one from then on."""
    binary = folder / "opa"
    lines = ["#!/bin/sh", f"cd {folder}", "turn=$(cat turn 2>/dev/null || echo 0)", "echo $((turn + 1)) > turn", "case $turn in"]
    lines += [f"{place}) {turn} ;;" for place, turn in enumerate(turns[:-1])] + [f"*) {turns[-1]} ;;", "esac"]
    binary.write_text("\n".join(lines))
    binary.chmod(0o700)
    return OpaCommand(binary, call_s_max=20.0)


def calls(folder: Path) -> int:
    return int((folder / "turn").read_text())


@pytest.mark.parametrize(
    "breaks_off", ["kill -KILL $$", "echo 'fatal error: newosproc' >&2; exit 2", "echo 'runtime/cgo: pthread_create failed' >&2; kill -ABRT $$"]
)
def test_a_call_that_broke_off_is_made_once_more(tmp_path: Path, breaks_off: str) -> None:
    """Nothing has an effect, and a machine that is too full now may not be in a moment."""
    command = opa(tmp_path, breaks_off, f"echo '{ANSWER}'")

    assert command.inspect("x", cwd=tmp_path).annotations == []
    assert calls(tmp_path) == 2


@pytest.mark.parametrize(
    ("breaks_off", "how"),
    [("kill -KILL $$", "it was ended by SIGKILL"), ("echo 'fatal error: out of memory' >&2; exit 2", "its runtime gave up: fatal error: out of memory")],
)
def test_a_call_that_breaks_off_twice_says_how_it_ended(tmp_path: Path, breaks_off: str, how: str) -> None:
    """And what to look at; it is not tried for ever."""
    command = opa(tmp_path, breaks_off)

    with pytest.raises(OpaBroken, match=f"opa check --strict did not answer, twice: {how}. Is this machine out of memory or of processes"):
        command.errors("check", "--strict", cwd=tmp_path)
    assert calls(tmp_path) == 2


def test_a_call_that_takes_too_long_is_not_made_again(tmp_path: Path) -> None:
    """It says how long it was waited for."""
    opa(tmp_path, "exec sleep 20")

    with pytest.raises(OpaBroken, match=r"opa inspect --annotations has not answered in 0.2 s; start again when this machine has less to do"):
        OpaCommand(tmp_path / "opa", call_s_max=0.2).inspect("x", cwd=tmp_path)


def test_a_binary_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    """That will not pass."""
    with pytest.raises(OpaBroken, match="No such file"):
        OpaCommand(tmp_path / "opa").inspect("x", cwd=tmp_path)


@pytest.mark.parametrize("around", ["", 'echo "{\\"level\\":\\"warning\\",\\"msg\\":\\"slow\\"}" >&2;', "echo 'WARN: slow' >&2;"])
def test_errors_are_found_among_what_is_logged_around_them(tmp_path: Path, around: str) -> None:
    """OPA tells errors where it logs; one without a place or with details of another shape is an error all the same."""
    (tmp_path / "said").write_text(REFUSAL)
    command = opa(tmp_path, f"{around} cat said >&2; {around} exit 1")

    [error] = command.errors("check", cwd=tmp_path)

    assert (error.message, error.location.file, error.details) == ("no such thing", "", {})


@pytest.mark.parametrize(
    ("printed", "said"), [("", "nothing"), ('{"errors": []}', "ended with 1 and no error"), ('{"level": "warning"}', '{"level": "warning"}')]
)
def test_an_answer_of_another_shape_is_never_taken_for_no_errors(tmp_path: Path, printed: str, said: str) -> None:
    """An end that is not 0 without an error we can read is a broken OPA."""
    command = opa(tmp_path, f"echo '{printed}' >&2; exit 1")

    with pytest.raises(OpaBroken, match=said):
        command.errors("check", cwd=tmp_path)


def test_the_real_one_tells_its_errors(tmp_path: Path) -> None:
    """File and line of a rule that does not compile."""
    (tmp_path / "rules.rego").write_text("package a\n\np := undefined(1)\n")

    [error] = OpaCommand(opa_binary()).errors("check", "rules.rego", cwd=tmp_path)

    assert (error.message, error.location.file, error.location.row) == ("undefined function undefined", "rules.rego", 3)
