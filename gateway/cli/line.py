"""The line to the operator's listener, and what its errors mean to whoever typed the command.

1. The address comes from `--gateway`, else from COUNTERSIGN_OPERATOR. It leads to an operator's listener; a workflow's refuses.
2. A gateway that is not there is told from one that does not answer, and both from one that says no.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from countersign import CountersignError, Refused, Unclear
from countersign.channel import token_in
from countersign.operator import Operator, connect_operator
from gateway.cli.exits import Ends, end
from gateway.config import surroundings

_UNIX: Final = "unix:"
_CODES: Final = {
    "NOT_FOUND": Ends.NO,
    "INVALID_ARGUMENT": Ends.INPUT,
    "UNAVAILABLE": Ends.UNREACHABLE,
    "RESOURCE_EXHAUSTED": Ends.UNREACHABLE,
    "INTERNAL": Ends.BUG,
}
_WAYS_OUT: Final = {
    "NOT_ALLOWED": "Use the listener of a role that may: operator for halts, resolver for resolving, any of them for looking.",
    "NOT_AUTHENTICATED": "Give the listener's token with --token-file.",
    "NOT_BUILT": "This version of the gateway does not serve it.",
}

Gateway = Annotated[str, typer.Option("--gateway", metavar="ADDRESS", help="Operator listener, unix:/path or 127.0.0.1:port; else COUNTERSIGN_OPERATOR.")]
TokenFile = Annotated[Path | None, typer.Option("--token-file", metavar="FILE", help="Its token, where it asks for one; else COUNTERSIGN_OPERATOR_TOKEN_FILE.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.1, max=120.0, help="How long to wait for an answer.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of words.")]
Tenant = Annotated[str, typer.Option("--tenant", metavar="NAME", help="Which tenant, where the listener serves every one.")]
TIMEOUT_S: Final = 10.0


@contextmanager
def operator(gateway: str, token_file: Path | None, timeout_s: float) -> Iterator[Operator]:
    """A client of the operator's listener. Ends the command when there is none, or when it says no."""
    around = surroundings()
    address = _address(gateway or around.operator)
    token = token_file or (Path(around.operator_token_file) if around.operator_token_file else None)
    if token is not None:
        _check_token(token)
    try:
        made = connect_operator(address, token_file=token, deadline_s=timeout_s)
    except ValueError as wrong:
        end(Ends.INPUT, str(wrong))
    try:
        with made as client:
            yield client
    except Refused as refused:
        _end_refused(refused)
    except Unclear as unclear:
        what = f"no answer from {address} within {timeout_s:g} s ({unclear.status})"
        end(Ends.UNREACHABLE, what, "Is this the operator's listener, and is the gateway up? A change may have been made: look before asking again.")
    except CountersignError as wrong:
        end(Ends.REFUSED, str(wrong))


def _address(given: str) -> str:
    if not given:
        end(Ends.INPUT, "no gateway is named", "Write --gateway unix:/run/countersign/operator/gateway.sock, or set COUNTERSIGN_OPERATOR.")
    if not given.startswith(_UNIX):
        return given
    socket = Path(os.path.normpath(Path(given.removeprefix(_UNIX)).absolute()))
    try:
        there = socket.is_socket()
    except PermissionError:
        end(Ends.UNREACHABLE, f"{socket.parent} is closed to this user", "Whoever can enter the folder is the listener's caller; run as its user or group.")
    if not there:
        end(Ends.UNREACHABLE, f"there is no socket {socket}", "Is the gateway up? `countersign serve` says where it listens.")
    return f"{_UNIX}{socket}"


def _check_token(file: Path) -> None:
    try:
        token_in(file)
    except OSError as failed:
        end(Ends.INPUT, f"{file} cannot be read: {failed.strerror}", "Name the token's file with --token-file.")
    except ValueError as wrong:
        end(Ends.INPUT, str(wrong))


def _end_refused(refused: Refused) -> None:
    fields = "".join(f"\n  {one.field}: {one.description}" for one in refused.violations)
    after = f" Ask again after {refused.retry_after.total_seconds():g} s." if refused.retry_after else ""
    code = _CODES.get(refused.status, Ends.REFUSED)
    end(code, f"{refused.code}: {refused.message}{fields}", _WAYS_OUT.get(refused.code, "") + after)
