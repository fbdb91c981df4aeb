"""OPA is found or brought, whole and verified, or the reasons why not are all told."""

import hashlib
import http.server
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.adapters.opa.install import RELEASE, OpaNotFound, Places, Progress, Release, find, install

HERE = f"{platform.system().lower()}_{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine()) }"


def program(version: str) -> bytes:
    return f'#!/bin/sh\necho "Version: {version}"\n'.encode()


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def places(root: Path, *, explicit: Path | None = None) -> Places:
    return Places(explicit=explicit, search_path=str(root / "path"), folder=root / "folder")


def silently(_progress: Progress) -> None:
    """Where the progress does not matter."""


@contextmanager
def serving(content: bytes, *, status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """A loopback release folder; yields its address and the paths asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_path_comes_before_the_folder(tmp_path: Path) -> None:
    """The machine's own OPA is preferred."""
    here = places(tmp_path)
    put(tmp_path / "path" / "opa", program("1.22.0"))
    put(tmp_path / "folder" / "opa", program("1.21.3"))

    found = find(here)

    assert (found.binary, found.version, found.source) == (tmp_path / "path" / "opa", "1.22.0", "PATH")


def test_an_old_one_on_path_is_passed_over(tmp_path: Path) -> None:
    """1.21.2 has the hole that 1.21.3 closed."""
    put(tmp_path / "path" / "opa", program("1.21.2"))
    put(tmp_path / "folder" / "opa", program("1.21.3"))

    found = find(places(tmp_path))

    assert found.binary == tmp_path / "folder" / "opa"


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("1.21.2", "is 1.21.2, at least 1.21.3 is needed"),
        ("0.99.9", "is 0.99.9, at least 1.21.3 is needed"),
        ("1.21.3-dev", "is 1.21.3-dev, at least 1.21.3 is needed"),
        ("soon", "does not say an OPA version"),
    ],
)
def test_an_explicit_path_is_an_order(tmp_path: Path, version: str, reason: str) -> None:
    """When it does not hold, nothing else is tried, not even by install."""
    explicit = put(tmp_path / "mine", program(version))
    put(tmp_path / "path" / "opa", program("1.22.0"))

    with pytest.raises(OpaNotFound, match=reason) as caught:
        install(places(tmp_path, explicit=explicit), environment={}, progress=silently)

    assert len(caught.value.attempts) == 1


def test_a_newer_one_is_taken(tmp_path: Path) -> None:
    """The version is a minimum, compared by number."""
    explicit = put(tmp_path / "mine", program("1.100.0"))

    assert find(places(tmp_path, explicit=explicit)).version == "1.100.0"


def test_a_binary_that_does_not_run_is_a_reason(tmp_path: Path) -> None:
    """Not executable, or of another machine."""
    explicit = put(tmp_path / "mine", b"\x7fELF nonsense")

    with pytest.raises(OpaNotFound, match="does not run"):
        find(places(tmp_path, explicit=explicit))


def test_the_pinned_release_is_downloaded_verified_and_kept(tmp_path: Path) -> None:
    """The right bytes end up in our folder, executable, and progress is told to the last byte."""
    content = program("1.21.3")
    steps: list[Progress] = []

    with serving(content) as (address, asked):
        release = Release(address=address, sha256={HERE: hashlib.sha256(content).hexdigest()})
        found = install(places(tmp_path), environment={}, progress=steps.append, release=release)

    assert found.binary == tmp_path / "folder" / "opa"
    assert found.binary.read_bytes() == content
    assert len(asked) == 1
    assert (steps[-1].done_bytes, steps[-1].total_bytes) == (len(content), len(content))
    assert find(places(tmp_path)).binary == found.binary


def test_other_bytes_than_pinned_are_thrown_away(tmp_path: Path) -> None:
    """Nothing that does not match is kept, let alone run."""
    trap = tmp_path / "ran"
    with serving(f"#!/bin/sh\ntouch {trap}\necho 'Version: 1.21.3'\n".encode()) as (address, _asked):
        release = Release(address=address, sha256={HERE: "0" * 64})
        with pytest.raises(OpaNotFound, match="it was thrown away"):
            install(places(tmp_path), environment={}, progress=silently, release=release)

    assert not trap.exists()
    assert list((tmp_path / "folder").iterdir()) == []


def test_without_a_pinned_digest_the_release_is_not_even_asked_for(tmp_path: Path) -> None:
    """And the error says so."""
    with serving(program("1.21.3")) as (address, asked), pytest.raises(OpaNotFound, match=f"no SHA-256 is pinned for {HERE}"):
        install(places(tmp_path), environment={}, progress=silently, release=Release(address=address, sha256={}))

    assert asked == []


def test_a_release_that_cannot_be_had_is_a_reason(tmp_path: Path) -> None:
    """A status that is no success."""
    with serving(b"gone", status=404) as (address, _asked), pytest.raises(OpaNotFound, match="404"):
        install(places(tmp_path), environment={}, progress=silently, release=Release(address=address, sha256={HERE: "0" * 64}))


def test_a_release_is_asked_for_over_https_only(tmp_path: Path) -> None:
    """But for loopback, where the tests are."""
    release = Release(address="http://opa.example", sha256={HERE: "0" * 64})

    with pytest.raises(OpaNotFound, match="is not https"):
        install(places(tmp_path), environment={}, progress=silently, release=release)


def test_go_builds_the_pinned_version_into_our_folder(tmp_path: Path) -> None:
    """GOBIN points beside the folder's binary; the caller's environment is go's."""
    go = (
        f'#!/bin/sh\necho "$@" > {tmp_path}/said\necho "$HOME" >> {tmp_path}/said\n'
        "printf '#!/bin/sh\\necho Version: 1.21.3\\n' > $GOBIN/opa\n/bin/chmod 755 $GOBIN/opa\n"
    )
    put(tmp_path / "path" / "go", go.encode())
    steps: list[Progress] = []

    found = install(places(tmp_path), environment={"HOME": "/home/me"}, progress=steps.append, release=Release(address="https://opa.example", sha256={}))

    assert (found.binary, found.version) == (tmp_path / "folder" / "opa", "1.21.3")
    assert (tmp_path / "said").read_text() == "install -trimpath github.com/open-policy-agent/opa@v1.21.3\n/home/me\n"
    assert [step.message for step in steps] == ["building; the first time takes a minute or two"]
    assert list((tmp_path / "folder").iterdir()) == [tmp_path / "folder" / "opa"]


def test_when_nothing_works_every_reason_is_told(tmp_path: Path) -> None:
    """One sentence for each source, and what to do."""
    put(tmp_path / "path" / "go", b"#!/bin/sh\necho 'no network' >&2\nexit 1\n")

    with pytest.raises(OpaNotFound) as caught:
        install(places(tmp_path), environment={}, progress=silently, release=Release(address="https://opa.example", sha256={}))

    assert [attempt.source for attempt in caught.value.attempts] == [
        "PATH",
        str(tmp_path / "folder"),
        "release 1.21.3",
        "go install github.com/open-policy-agent/opa@v1.21.3",
    ]
    assert "no network" in str(caught.value)
    assert "countersign opa install" in str(caught.value)


def test_every_pinned_digest_is_a_sha256_of_a_known_platform() -> None:
    """Whoever fills the table cannot misspell it."""
    known = {"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"}

    assert set(RELEASE.sha256) <= known
    assert all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in RELEASE.sha256.values())
