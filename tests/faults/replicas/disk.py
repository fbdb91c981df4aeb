"""Small disks of a suite's own, which it fills and empties: what is written to a full one fails as on any full disk (ENOSPC).

1. A disk is a tmpfs in a mount namespace of this thread and of what it begins: nobody else sees it, and it is gone with them, however they end.
2. Full is full: every byte that was free is taken by one file. Emptied, that file is gone.
"""

import ctypes
import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_CLONE_NEWNS: Final = 0x00020000
_MS_REC: Final = 0x4000
_MS_PRIVATE: Final = 1 << 18
_MNT_DETACH: Final = 2
_BALLAST: Final = "ballast"
_CHUNK_BYTES: Final = 64 * 1024


class NoDisk(Exception):
    """This machine lets nobody mount a disk: what is missing."""


class Disk:
    """Made by `disks`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Until not one more byte can be written."""
        with (self.folder / _BALLAST).open("ab", buffering=0) as ballast:
            for chunk in (_CHUNK_BYTES, 4096, 1):
                while self._takes(ballast.fileno(), chunk):
                    pass

    def empty(self) -> None:
        (self.folder / _BALLAST).unlink(missing_ok=True)

    @staticmethod
    def _takes(opened: int, count: int) -> bool:
        try:
            os.write(opened, bytes(count))
        except OSError as full:
            if full.errno != errno.ENOSPC:
                raise
            return False
        return True


@contextmanager
def disks(**bytes_max: int) -> Iterator[dict[str, Disk]]:
    """One disk a name, of so many bytes."""
    _call("unshare", _CLONE_NEWNS)
    _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    made: dict[str, Disk] = {}
    try:
        for name, size in bytes_max.items():
            folder = Path(tempfile.mkdtemp(prefix=f"cs-{name}-"))
            made[name] = Disk(folder)
            _call("mount", b"tmpfs", os.fsencode(folder), b"tmpfs", 0, f"size={size},mode=1777".encode())
        yield made
    finally:
        for disk in made.values():
            _call("umount2", os.fsencode(disk.folder), _MNT_DETACH)
            disk.folder.rmdir()


def _call(name: str, *arguments: bytes | int | None) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        raise NoDisk(f"the kernel does not let this process mount a disk ({name}: {os.strerror(ctypes.get_errno())}): run this suite as root")
