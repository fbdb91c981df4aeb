"""The activation folder, read once: what was checked is what is enforced, whatever happens to the folder afterwards.

1. Of the folder only boundary.yaml, schemas/ and policies/ count; names that begin with a dot do not.
2. A symbolic link is followed inside the folder (mounted configuration is made of them), never out of it.
3. The digest covers names and contents, each with its length, in order of name. Everything is bounded.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.declared.findings import DeclarationRefused, Finding, nearest

BOUNDARY: Final = "boundary.yaml"
PARTS: Final = ("policies", "schemas")
_FILES_MAX: Final = 2_000
_FILE_BYTES_MAX: Final = 1024 * 1024
_TOTAL_BYTES_MAX: Final = 16 * 1024 * 1024
_DEPTH_MAX: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    root: Path
    files: Mapping[str, bytes]  # name with slashes → content, in order of name

    def shown(self, name: str) -> str:
        """How findings call a file."""
        return str(self.root / name)

    def digest(self, *, policies: bytes) -> bytes:
        """SHA-256 over the files, and over `policies`: the digest of what the engine is given, where that has layers from elsewhere."""
        made = hashlib.sha256(b"countersign-activation-v1\n")
        for name in sorted(self.files):
            for part in (name.encode(), self.files[name]):
                made.update(len(part).to_bytes(8, "big") + part)
        made.update(len(policies).to_bytes(8, "big") + policies)
        return made.digest()


def take(root: Path) -> Folder:
    """Raises `DeclarationRefused` when the folder cannot be read as the rules say, or has no boundary.yaml."""
    if not root.is_dir():
        raise _refuse(root, "there is no such folder", f"Name the folder of {BOUNDARY}.")
    found = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    if BOUNDARY not in found:
        raise _refuse(root, f"there is no {BOUNDARY} in it", f"Write one. {nearest(BOUNDARY, found)}")
    files: dict[str, bytes] = {}
    total = 0
    for path in _walk(root, (BOUNDARY, *PARTS)):
        content = _content(path)
        files[path.relative_to(root).as_posix()] = content
        total += len(content)
        if len(files) > _FILES_MAX or total > _TOTAL_BYTES_MAX:
            raise _refuse(root, f"more than {_FILES_MAX} files or {_TOTAL_BYTES_MAX} bytes", "Keep large tables out of the activation.")
    return Folder(root=root, files=dict(sorted(files.items())))


def _walk(root: Path, names: tuple[str, ...]) -> Iterator[Path]:
    inside = root.resolve()
    pending = [root / name for name in reversed(names) if (root / name).exists()]
    while pending:
        path = pending.pop()
        if not path.resolve().is_relative_to(inside):
            raise _refuse(path, "a symbolic link that leaves the folder", "Put the file itself here.")
        if path.is_dir():
            if len(path.relative_to(root).parts) > _DEPTH_MAX:
                raise _refuse(path, f"deeper than {_DEPTH_MAX} folders", "Lay it out flatter.")
            pending += sorted((one for one in path.iterdir() if not one.name.startswith(".")), reverse=True)
        elif path.is_file():
            yield path
        else:
            raise _refuse(path, "neither a file nor a folder", "Take it out.")


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            content = opened.read(_FILE_BYTES_MAX + 1)
    except OSError as failed:
        raise _refuse(path, f"cannot be read: {failed.strerror}", "Let the gateway's user read it.") from failed
    if len(content) > _FILE_BYTES_MAX:
        raise _refuse(path, f"more than {_FILE_BYTES_MAX} bytes", "Split the file.")
    return content


def _refuse(path: Path, message: str, write: str) -> DeclarationRefused:
    return DeclarationRefused([Finding(file=str(path), line=0, column=0, message=message, write=write)])
