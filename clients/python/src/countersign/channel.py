"""One line to one gateway.

1. The address is a unix socket or a loopback port: the line is not encrypted, so it does not leave the machine.
2. The library never sends a request a second time (`enable_retries` 0, no service config, no proxy): whether to ask again is decided above,
   where the answer is understood.
3. A gateway that is starting or restarting is waited for within the call's deadline.
4. A token is read from its file for every call, so that it can be rotated; it is never shown.
"""

import ipaddress
from pathlib import Path
from typing import Final, TypeVar

import grpc

from countersign.errors import from_rpc

Request = TypeVar("Request")
Answer = TypeVar("Answer")

SEND_BYTES_MAX: Final = 1024 * 1024  # the documented ceiling of a wire message
RECEIVE_BYTES_MAX: Final = 16 * 1024 * 1024  # a page of a trace; every other answer is far below
TOKEN_BYTES_MAX: Final = 4096
OPTIONS: Final = (
    ("grpc.enable_retries", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_send_message_length", SEND_BYTES_MAX),
    ("grpc.max_receive_message_length", RECEIVE_BYTES_MAX),
)


class Line:
    """A channel, and the token that goes with every call on it. Safe to share between threads."""

    def __init__(self, address: str, token_file: Path | None) -> None:
        self.channel: Final = grpc.insecure_channel(checked(address), options=OPTIONS)
        self._token_file: Final = token_file

    def ask(self, method: "grpc.UnaryUnaryMultiCallable[Request, Answer]", request: Request, *, deadline_s: float) -> Answer:
        """One request, sent once. Raises Refused or Unclear."""
        if deadline_s <= 0:
            raise ValueError(f"deadline_s is {deadline_s}; every call needs one above 0")
        metadata = self._metadata()
        try:
            return method(request, timeout=deadline_s, metadata=metadata, wait_for_ready=True)
        except grpc.RpcError as error:
            raise from_rpc(error) from error

    def close(self) -> None:
        self.channel.close()

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return () if self._token_file is None else (("authorization", f"Bearer {token_in(self._token_file)}"),)


def checked(address: str) -> str:
    """`unix:/absolute/path`, or `host:port` with a loopback address. ValueError for anything else."""
    if address.startswith("unix:"):
        if not address.removeprefix("unix:").startswith("/"):
            raise ValueError(f"address {address!r}: a socket is named by its absolute path, as in unix:/run/countersign/workflow.sock")
        return address
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536) or not _is_loopback(host):
        raise ValueError(f"address {address!r}: expected unix:/path or 127.0.0.1:port; a line that is not encrypted stays on this machine")
    return address


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return host == "localhost"


def token_in(file: Path) -> str:
    """The one line of the file. ValueError, without its content, when that is not a token; OSError when it cannot be read."""
    with file.open("rb") as opened:
        token = opened.read(TOKEN_BYTES_MAX + 1).strip()
    if not 0 < len(token) <= TOKEN_BYTES_MAX or any(byte < 0x21 or byte > 0x7E for byte in token):
        raise ValueError(f"token file {file}: expected one line of visible ASCII, at most {TOKEN_BYTES_MAX} bytes")
    return token.decode("ascii")
