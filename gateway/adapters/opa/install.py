"""Finding or bringing OPA: an explicit path, PATH, our own folder, the pinned release by SHA-256, `go install` of the pinned version.

1. The first source that yields an OPA of at least `VERSION_MIN` wins; every other one keeps the reason why it did not.
2. An explicit path is an order: when it does not hold, nothing else is tried.
3. A download is kept only when its SHA-256 is the pinned one. Where none is pinned the release is not even asked for, and that is said
   (docs/adr/0005). What `go install` builds is verified by Go itself against its checksum database.
4. A binary appears in our folder whole or not at all: it is made beside and moved there. Nothing outside the folder is touched.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

VERSION_MIN: Final = (1, 21, 3)
PINNED: Final = ".".join(map(str, VERSION_MIN))
GO_PACKAGE: Final = f"github.com/open-policy-agent/opa@v{PINNED}"
_VERSION: Final = re.compile(r"^Version:\s*(\d+)\.(\d+)\.(\d+)(\S*)$", re.MULTILINE)
_VERSION_S_MAX: Final = 30
_GO_S_MAX: Final = 1_200
_RELEASE_BYTES_MAX: Final = 300 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
_MACHINES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_ASSETS: Final = {
    "linux_amd64": "opa_linux_amd64_static",
    "linux_arm64": "opa_linux_arm64_static",
    "darwin_amd64": "opa_darwin_amd64",
    "darwin_arm64": "opa_darwin_arm64_static",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Where the pinned release is, and the SHA-256 (lower-case hexadecimal) of its asset for each platform that has one pinned."""

    address: str  # the folder of the assets, without a slash at its end
    sha256: Mapping[str, str]  # "linux_amd64" → digest


# No digest has been pinned yet: none could be checked against a second source when this was written (docs/adr/0005 says how to add one).
RELEASE: Final = Release(address=f"https://github.com/open-policy-agent/opa/releases/download/v{PINNED}", sha256={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to look. `folder` is ours; the binary there is `folder/opa`."""

    explicit: Path | None
    search_path: str  # as PATH is written
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    binary: Path
    version: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Why one source did not yield an OPA."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is being done; `total_bytes` is 0 where there is nothing to count."""

    source: str
    message: str
    done_bytes: int = 0
    total_bytes: int = 0


class OpaNotFound(Exception):
    """No OPA. `attempts` has each source's reason; the message says them all, and what to do."""

    def __init__(self, attempts: tuple[Attempt, ...]) -> None:
        tried = "\n".join(f"  {attempt.source}: {attempt.reason}" for attempt in attempts)
        wanted = ".".join(map(str, VERSION_MIN))
        super().__init__(
            f"No OPA of version {wanted} or newer was found.\n{tried}\nPut one on PATH, name it in the settings, or run `countersign opa install`."
        )
        self.attempts = attempts


class _Unusable(Exception):
    """This source yields nothing; the message is the reason."""


def find(places: Places) -> Found:
    """An OPA that is already here. Raises `OpaNotFound`."""
    attempts: list[Attempt] = []
    for source, candidate in _candidates(places):
        try:
            return _accept(candidate, source)
        except _Unusable as wrong:
            attempts.append(Attempt(source=source, reason=str(wrong)))
    raise OpaNotFound(tuple(attempts))


def install(places: Places, *, environment: Mapping[str, str], progress: Callable[[Progress], None], release: Release = RELEASE) -> Found:
    """An OPA that is here, else one brought into `places.folder`. `environment` is what `go` is run with. Raises `OpaNotFound`."""
    try:
        return find(places)
    except OpaNotFound as missing:
        if places.explicit is not None:
            raise
        attempts = list(missing.attempts)
    ways: tuple[tuple[str, Callable[[Path], None]], ...] = (
        (f"release {PINNED}", lambda target: _download(release, target, progress)),
        (f"go install {GO_PACKAGE}", lambda target: _build(target, places.search_path, environment, progress)),
    )
    for source, bring in ways:
        try:
            return _bring(source, places.folder, bring)
        except _Unusable as wrong:
            attempts.append(Attempt(source=source, reason=str(wrong)))
    raise OpaNotFound(tuple(attempts))


def _candidates(places: Places) -> list[tuple[str, Path | None]]:
    if places.explicit is not None:
        return [("the path in the settings", places.explicit)]
    on_path = shutil.which("opa", path=places.search_path)
    return [("PATH", Path(on_path) if on_path else None), (str(places.folder), places.folder / "opa")]


def _accept(candidate: Path | None, source: str) -> Found:
    if candidate is None or not candidate.is_file():
        raise _Unusable(f"no file {candidate}" if candidate else "no opa there")
    try:
        said = subprocess.run(
            [str(candidate.absolute()), "version"], env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=_VERSION_S_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as wrong:
        raise _Unusable(f"{candidate} does not run: {wrong}") from wrong
    version = _VERSION.search(said.stdout.decode(errors="replace"))
    if said.returncode != 0 or version is None:
        raise _Unusable(f"{candidate} does not say an OPA version")
    numbers = (int(version[1]), int(version[2]), int(version[3]))
    if numbers < VERSION_MIN or (numbers == VERSION_MIN and version[4]):
        raise _Unusable(f"{candidate} is {version[1]}.{version[2]}.{version[3]}{version[4]}, at least {PINNED} is needed")
    return Found(binary=candidate.absolute(), version=f"{version[1]}.{version[2]}.{version[3]}{version[4]}", source=source)


def _bring(source: str, folder: Path, bring: Callable[[Path], None]) -> Found:
    """Make the binary in a folder beside, see that it is what it should be, and move it into place."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".opa-") as beside:
            made = Path(beside) / "opa"
            bring(made)
            version = _accept(made, source).version
            made.replace(folder / "opa")
    except OSError as wrong:
        raise _Unusable(f"{folder}: {wrong}") from wrong
    return Found(binary=(folder / "opa").absolute(), version=version, source=source)


def _download(release: Release, target: Path, progress: Callable[[Progress], None]) -> None:
    here = f"{platform.system().lower()}_{_MACHINES.get(platform.machine().lower(), platform.machine())}"
    pinned = release.sha256.get(here)
    if here not in _ASSETS or pinned is None:
        raise _Unusable(f"no SHA-256 is pinned for {here}, so the release is not downloaded")
    address = f"{release.address}/{_ASSETS[here]}"
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "::1"}:
        raise _Unusable(f"{address} is not https")
    digest = _stream(address, target, progress)
    if digest != pinned:
        raise _Unusable(f"{address} has SHA-256 {digest}, pinned is {pinned}; it was thrown away")
    target.chmod(0o755)


def _stream(address: str, target: Path, progress: Callable[[Progress], None]) -> str:
    """Write what is at `address` to `target`; returns its SHA-256."""
    import httpx  # noqa: PLC0415 - a gateway finds its OPA and downloads none

    made = hashlib.sha256()
    try:
        with httpx.stream("GET", address, follow_redirects=True, timeout=30) as reply, target.open("wb") as file:
            reply.raise_for_status()
            total, done = int(reply.headers.get("content-length", "0")), 0
            for chunk in reply.iter_bytes(_CHUNK_BYTES):
                done += len(chunk)
                if done > _RELEASE_BYTES_MAX:
                    raise _Unusable(f"{address} is larger than {_RELEASE_BYTES_MAX} bytes")
                made.update(chunk)
                file.write(chunk)
                progress(Progress(source=address, message="downloading", done_bytes=done, total_bytes=total))
            file.flush()
            os.fsync(file.fileno())
    except httpx.HTTPError as wrong:
        raise _Unusable(f"{address}: {type(wrong).__name__} {wrong}") from wrong
    return made.hexdigest()


def _build(target: Path, search_path: str, environment: Mapping[str, str], progress: Callable[[Progress], None]) -> None:
    go = shutil.which("go", path=search_path)
    if go is None:
        raise _Unusable("no go on PATH")
    command = [go, "install", "-trimpath", GO_PACKAGE]
    progress(Progress(source=GO_PACKAGE, message="building; the first time takes a minute or two"))
    try:
        ran = subprocess.run(
            command,
            env={**environment, "GOBIN": str(target.parent), "CGO_ENABLED": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_GO_S_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as wrong:
        raise _Unusable(f"{' '.join(command)}: {wrong}") from wrong
    if ran.returncode != 0:
        raise _Unusable(f"{' '.join(command)} ended with {ran.returncode}: {ran.stderr.decode(errors='replace').strip()[-500:]}")
