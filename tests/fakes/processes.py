"""Servers of the examples as processes of their own: started, waited for by what they print, ended by SIGTERM.

1. Ready is the line `ready URL` on standard output; anything else, or silence for `READY_S_MAX`, is a failure that shows what was said.
2. Leaving the context ends the process and insists on exit code 0.
"""

import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).resolve().parents[2]
READY_S_MAX: Final = 60
END_S_MAX: Final = 20


@contextmanager
def served(module: str, *arguments: str) -> Iterator[str]:
    """Runs `python -m module arguments` and yields the URL it says it is ready at."""
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = _first_line(process.stdout)
        if not line.startswith("ready "):
            process.kill()
            raise AssertionError(f"{module} said {line!r} and {process.communicate()[1]!r}")
        yield line.removeprefix("ready ").strip()
    finally:
        process.terminate()
        try:
            process.communicate(timeout=END_S_MAX)
        finally:
            process.kill()
    assert process.returncode == 0, f"{module} ended with {process.returncode}"


def _first_line(stream: IO[str]) -> str:
    readable: Sequence[IO[str]] = select.select([stream], [], [], READY_S_MAX)[0]
    return stream.readline() if readable else ""
