"""Transcripts as files in one folder: `<decision id>.json`, for the gateway's user alone. Erasing one is deleting its file.

1. A file appears whole or not at all. What cannot be written is told to the log; nothing waits for it and nothing fails for it.
2. The ledger holds the digest of what was really said. What is kept is redacted, so it does not digest to it: it is for reading.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

_MODE: Final = 0o600


class FolderTranscripts:
    """Implements `ports.transcripts.Transcripts`. Raises OSError when the folder cannot be made."""

    def __init__(self, folder: Path, *, log: Callable[[str], None]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._log = log

    async def keep(self, decision_id: str, document: bytes) -> None:
        assert decision_id.isalnum(), "ids are letters and digits: one is the name of a file"
        try:
            await asyncio.to_thread(self._write, f"{decision_id}.json", document)
        except OSError as failed:
            self._log(f"the transcript of {decision_id} was not kept: {failed.strerror}")

    def _write(self, name: str, document: bytes) -> None:
        partial = self._folder / f".{name}.partial"
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE), "wb") as opened:
            opened.write(document)
        partial.replace(self._folder / name)
