"""A disk that writes down what is done to it: an apsw VFS over the real one, the default while it is installed.

1. Every write, cut and sync of a store's files, in order, and marks of one's own between them.
2. What a power cut leaves is made from it: everything synced, and of what was not, any part.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import apsw

_NAME: Final = "recorded-disk"
SECTOR_BYTES: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Bytes put at a place of a file; `cut` instead of them is a truncation to `offset`."""

    file: str  # "log" or "database"
    offset: int
    data: bytes
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Synced:
    file: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened outside the disk, between two of its operations."""

    what: object


Event = Written | Synced | Mark


@dataclass(slots=True)
class RecordedDisk:
    events: list[Event] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, event: Event) -> None:
        with self.lock:
            self.events.append(event)


@contextmanager
def recorded_disk() -> Iterator[RecordedDisk]:
    """Every connection opened inside goes through it."""
    disk = RecordedDisk()
    [real, *_] = apsw.vfs_names()

    class File(apsw.VFSFile):
        def __init__(self, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
            path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
            self.file = "log" if path.endswith("-wal") else "database" if path.endswith(".db") else ""
            super().__init__(real, name, flags)

        def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - the library's name
            super().xWrite(data, offset)
            if self.file:
                disk.note(Written(file=self.file, offset=offset, data=bytes(data)))

        def xTruncate(self, newsize: int) -> None:  # noqa: N802 - the library's name
            super().xTruncate(newsize)
            if self.file:
                disk.note(Written(file=self.file, offset=newsize, data=b"", cut=True))

        def xSync(self, flags: int) -> None:  # noqa: N802 - the library's name
            super().xSync(flags)
            if self.file:
                disk.note(Synced(self.file))

    class Disk(apsw.VFS):
        def __init__(self) -> None:
            super().__init__(_NAME, real)

        def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - the library's name
            return File(name, flags)

    vfs = Disk()
    apsw.set_default_vfs(_NAME)
    try:
        yield disk
    finally:
        apsw.set_default_vfs(real)
        vfs.unregister()


Image = dict[str, bytearray]  # by file


def unsynced(events: Iterable[Event]) -> list[Written]:
    """What a power cut after `events` may lose: each file's writes since its last sync."""
    pending: list[Written] = []
    for event in events:
        match event:
            case Written():
                pending.append(event)
            case Synced(file):
                pending = [one for one in pending if one.file != file]
            case Mark():
                pass
    return pending


def counts_unsynced(events: Iterable[Event]) -> list[int]:
    """After each event, how many writes a power cut may lose."""
    open_writes: Counter[str] = Counter()
    counts = []
    for event in events:
        match event:
            case Written(file=file):
                open_writes[file] += 1
            case Synced(file):
                del open_writes[file]
            case Mark():
                pass
        counts.append(open_writes.total())
    return counts


def after_power_cut(durable: Mapping[str, bytes | bytearray], kept: Iterable[Written]) -> Image:
    """The files as the next boot finds them: what is durable, and of the rest what `kept` says, in order."""
    image: Image = {file: bytearray(content) for file, content in durable.items()}
    for one in kept:
        content = image.setdefault(one.file, bytearray())
        if one.cut:
            del content[one.offset :]
            continue
        if len(content) < one.offset:
            content.extend(bytes(one.offset - len(content)))
        content[one.offset : one.offset + len(one.data)] = one.data
    return image


def torn(one: Written, *, sectors: int) -> Written:
    """Its first sectors, or for a negative number its last ones: a write is not one."""
    at = sectors * SECTOR_BYTES if sectors >= 0 else max(0, len(one.data) + sectors * SECTOR_BYTES)
    if sectors >= 0:
        return Written(file=one.file, offset=one.offset, data=one.data[:at])
    return Written(file=one.file, offset=one.offset + at, data=one.data[at:])
