"""The image: linted, non-root, nothing unpinned, and its builder sees only what it copies."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
FINAL = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([Path(sys.executable).with_name("hadolint"), "--no-color", path], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("path", ["Dockerfile", "deploy/kubernetes/activation.Dockerfile"])
def test_the_linter_has_nothing_to_say(path: str) -> None:
    """Hadolint, with no rule turned off."""
    answer = lint(ROOT / path)

    assert (answer.returncode, answer.stdout) == (0, "")
    assert "hadolint ignore" not in (ROOT / path).read_text(encoding="utf-8")


def test_the_linter_can_fail(tmp_path: Path) -> None:
    """A shell-form entry point is found."""
    bad = tmp_path / "Dockerfile"
    bad.write_text(DOCKERFILE.replace('ENTRYPOINT ["countersign"]', "ENTRYPOINT countersign"), encoding="utf-8")
    answer = lint(bad)

    assert answer.returncode != 0


def test_the_image_runs_as_nobody_and_starts_directly() -> None:
    """A numeric user that Kubernetes can check, exec form, SIGTERM straight to the gateway."""
    lines = FINAL.splitlines()

    assert "USER 65532:65532" in lines
    assert "STOPSIGNAL SIGTERM" in lines
    assert 'ENTRYPOINT ["countersign"]' in lines
    assert 'CMD ["serve", "--settings", "/etc/countersign/settings.yaml"]' in lines
    assert lines.index("USER 65532:65532") < lines.index('ENTRYPOINT ["countersign"]')


def test_everything_from_outside_is_pinned() -> None:
    """Packages by hash and as wheels only, OPA by version, bases by tag."""
    installs = [line for line in DOCKERFILE.splitlines() if "pip" in line and " install " in line and "--no-index" not in line]
    bases = re.findall(r"^ARG (?:GO_)?BASE=(\S+)$", DOCKERFILE, re.MULTILINE)

    assert len(installs) == 2
    assert all("--require-hashes --only-binary :all:" in line for line in installs)
    assert re.search(r"^ARG OPA_VERSION=\d+\.\d+\.\d+$", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert all(re.fullmatch(r"[a-z]+:\d+\.\d+\S*", base) for base in bases)


def test_the_builder_sees_only_what_is_copied() -> None:
    """The ignore file denies everything and then lets in exactly the sources of COPY."""
    copied = {source for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for source in line.split()[:-1]}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")}

    assert "*" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert allowed == copied
    assert [source for source in copied if not (ROOT / source).exists()] == []
