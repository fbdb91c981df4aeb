"""`python -m examples.subscription.billing --port N --database FILE [--ready-file FILE] [--token-file FILE]`

1. Loopback only. Port 0 takes a free one; the first line on stdout says which.
2. The ready file appears, whole, once connections are accepted, and goes away at the end.
3. SIGTERM or SIGINT: stop accepting, give writes under way two seconds, close the book, exit 0.
4. What cannot start says why in one line on stderr and exits 1.
"""

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Final

from aiohttp import web

from examples.subscription.billing.api import Billing
from examples.subscription.billing.book import Book

ADDRESS: Final = "127.0.0.1"
DRAIN_S_MAX: Final = 2.0
TOKEN_BYTES_MAX: Final = 4096


class CannotStart(Exception):
    """One sentence for a person."""


async def serve(*, port: int, book: Book, token: bytes | None, ready_file: Path | None) -> None:
    """Serve until SIGTERM or SIGINT. Raises `CannotStart` when the port is taken."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(Billing(book=book, token=token).application(), access_log=None, shutdown_timeout=DRAIN_S_MAX)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, ADDRESS, port).start()
        except OSError as fault:
            raise CannotStart(f"billing cannot listen on {ADDRESS}:{port}: {os.strerror(fault.errno or 0)}; choose another --port, or 0") from fault
        url = f"http://{ADDRESS}:{runner.addresses[0][1]}"
        if ready_file is not None:
            _put_whole(ready_file, json.dumps({"url": url, "pid": os.getpid()}))
        print(f"billing is ready at {url}", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> int:
    parser = argparse.ArgumentParser(prog="billing", description="The billing service of the example, on the loopback.")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--database", type=Path, required=True, help="SQLite file, made when missing")
    parser.add_argument("--ready-file", type=Path, help="written as JSON {url, pid} once connections are accepted")
    parser.add_argument("--token-file", type=Path, help="writes must carry this bearer token; without the option they need none")
    arguments = parser.parse_args()
    try:
        _run(arguments.port, arguments.database, arguments.ready_file, arguments.token_file)
    except CannotStart as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


def _run(port: int, database: Path, ready_file: Path | None, token_file: Path | None) -> None:
    token = None if token_file is None else _read_token(token_file)
    try:
        book = Book(database)
    except sqlite3.Error as fault:
        raise CannotStart(f"billing cannot open its database {database}: {fault}") from fault
    try:
        asyncio.run(serve(port=port, book=book, token=token, ready_file=ready_file))
    finally:
        book.close()
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)


def _read_token(path: Path) -> bytes:
    try:
        token = path.read_bytes().strip()
    except OSError as fault:
        raise CannotStart(f"billing cannot read its token file {path}: {fault.strerror}") from fault
    if not 1 <= len(token) <= TOKEN_BYTES_MAX:
        raise CannotStart(f"the token file {path} must hold 1 to {TOKEN_BYTES_MAX} bytes")
    return token


def _put_whole(path: Path, text: str) -> None:
    half = path.with_name(path.name + ".half")
    half.write_text(text, encoding="utf-8")
    half.replace(path)


if __name__ == "__main__":
    sys.exit(main())
