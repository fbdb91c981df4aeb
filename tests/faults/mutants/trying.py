"""`python tests/faults/mutants/trying.py`: runs pytest again and again over one tree whose sources change in between, without the price of a start.

1. What is not ours is imported once, pytest's plugins too. Each run is a fork, in which our packages are imported as they stand then: none of them is
   imported here.
2. One command a line, `[OUTPUT, ARGUMENT, …]` in JSON → the exit code. What pytest prints goes to OUTPUT. It ends when standard input does.
"""

import gc
import importlib
import json
import os
import sys
import traceback
from importlib.metadata import entry_points
from typing import Final, NoReturn

_OURS: Final = ("gateway", "agent", "countersign", "tests", "examples", "benchmarks")
_NOT_OURS: Final = (
    "hypothesis", "hypothesis.stateful", "grpc.aio", "google.protobuf.message_factory", "google.rpc.status_pb2", "pydantic", "aiohttp",
    "asyncpg", "apsw", "orjson", "structlog", "yaml", "jsonschema_rs", "httptools", "uvloop", "openai", "opa_client", "rich.console", "typer",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
)  # fmt: skip


def _try(output: str, arguments: list[str]) -> NoReturn:
    code = 70
    try:
        said = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for number in (1, 2):
            os.dup2(said, number)
        pytest = importlib.import_module("pytest")
        code = int(pytest.main(arguments))
    finally:
        if (wrong := sys.exception()) is not None:
            traceback.print_exception(wrong)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    for name in ("pytest", *_NOT_OURS):
        importlib.import_module(name)
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    gc.freeze()
    ours = [name for name in sys.modules if name.partition(".")[0] in _OURS]
    assert not ours, f"what is planted in them would not be seen: {ours}"
    for line in sys.stdin:
        output, *arguments = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _try(output, arguments)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
