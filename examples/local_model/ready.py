"""How both servers here say that they are ready, and how they end.

1. Ready means that a request will be answered: the address goes to a file that appears whole, if asked for, and then to standard output.
2. SIGTERM and SIGINT end the process with exit code 0, and the file goes with it.
"""

import argparse
import signal
from pathlib import Path


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--ready-file", type=Path, help="written, whole, with the base URL once questions are answered")
    return parser


def announce(base_url: str, ready_file: Path | None) -> None:
    if ready_file is not None:
        partial = ready_file.with_name(ready_file.name + ".partial")
        partial.write_text(base_url + "\n", encoding="utf-8")
        partial.replace(ready_file)
    print(f"ready {base_url}", flush=True)


def until_told_to_end(ready_file: Path | None) -> None:
    """Waits in `sigwait`; the signals must have been blocked by `block_signals` before any thread was started."""
    signal.sigwait(ENDING)
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


def block_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


ENDING = {signal.SIGTERM, signal.SIGINT}
