"""A disk that fails when it is told to: an apsw VFS over the real one, the default while it is installed.

Counts what is done to the write-ahead log and to the database file, and breaks the next write or sync of one of them.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import apsw

NAME = "faulty-disk"


@dataclass(slots=True)
class FaultyDisk:
    """`breaks` maps ("sync" or "write", "log" or "database") to what every such call raises from now on."""

    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    breaks: dict[tuple[str, str], type[apsw.Error]] = field(default_factory=dict)

    def note(self, what: str, file: str) -> None:
        self.done[what, file] += 1
        if (what, file) in self.breaks:
            raise self.breaks[what, file](f"planted: {what} of the {file}")


@contextmanager
def faulty_disk() -> Iterator[FaultyDisk]:
    """Every connection opened inside goes through it."""
    disk = FaultyDisk()
    [real, *_] = apsw.vfs_names()

    class File(apsw.VFSFile):
        def __init__(self, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
            path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
            self.file = "log" if path.endswith("-wal") else "database"
            super().__init__(real, name, flags)

        def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - the library's name
            disk.note("write", self.file)
            super().xWrite(data, offset)

        def xSync(self, flags: int) -> None:  # noqa: N802 - the library's name
            disk.note("sync", self.file)
            super().xSync(flags)

    class Disk(apsw.VFS):
        def __init__(self) -> None:
            super().__init__(NAME, real)

        def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - the library's name
            return File(name, flags)

    vfs = Disk()
    apsw.set_default_vfs(NAME)
    try:
        yield disk
    finally:
        apsw.set_default_vfs(real)
        vfs.unregister()
