"""Where engines live: the folder the settings name, or this user's own among temporary files, made when missing.

There is one for all gateways of a user and not one for each: what a killed gateway left there, the next takes away.
"""

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from gateway.config import RefusedToStart, Settings

_ANOTHER: Final = "Name a folder of this user's own as opa.runtime_folder."


def engine_folder(settings: Settings) -> Path:
    """Raises `RefusedToStart`."""
    named = settings.opa.runtime_folder
    folder = named or Path(tempfile.gettempdir()) / f"countersign-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as wrong:
        raise RefusedToStart(f"{folder}, for the policy engine, cannot be made: {wrong.strerror}", write=_ANOTHER) from wrong
    if named is None and not (stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()):  # anybody may make one among temporary files
        raise RefusedToStart(f"{folder}, for the policy engine, is another user's, or no folder: its owner could exchange what is in it", write=_ANOTHER)
    return folder
