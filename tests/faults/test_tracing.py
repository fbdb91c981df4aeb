"""Faults by strace: what is counted, and that a machine without it is told so."""

import os
from pathlib import Path

import pytest

from tests.faults.tracing import NoTracing, Tracing, most_of

LOG = """\
11    write(3, "x", 1)                  = 1
12    pwrite64(5, "y", 1, 0)            = 1
12    pwrite64(5, "y", 1, 1)            = 1
11    fdatasync(5 <unfinished ...>
12    write(3, "x", 1)                  = 1
11    <... fdatasync resumed>)          = 0
12    +++ killed by SIGKILL +++
"""


def test_each_thread_is_counted_apart(tmp_path: Path) -> None:
    """As strace counts what it injects: the Nth call of one thread."""
    (tmp_path / "log").write_text(LOG)

    assert most_of(tmp_path / "log") == {"write": 1, "pwrite64": 2, "fdatasync": 1}


def test_a_machine_without_strace_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence, and no pass."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NoTracing, match="install it"):
        Tracing(os.getpid(), log=tmp_path / "log")
