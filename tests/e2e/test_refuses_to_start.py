"""What is wrong before anything is served: one precise message, exit code 2, nothing half-made, and no restart by itself."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from examples.subscription.theatre import HERE, ROOT, Theatre

COUNTERSIGN = str(Path(sys.executable).with_name("countersign"))


@pytest.fixture
def settings(stage: Theatre) -> Path:
    """Settings of a gateway that would start, with an activation folder of its own that a test may spoil."""
    stage.start_billing()
    shutil.copytree(HERE / "activation", stage.folder / "activation")
    written = stage.write_settings()
    written.write_text(written.read_text().replace(f"path: {HERE / 'activation'}", f"path: {stage.folder / 'activation'}"))
    return written


def refused(settings: Path, **environment: str) -> str:
    """What `countersign serve` says when it does not start."""
    surroundings = {**os.environ, **environment}
    done = subprocess.run(
        [COUNTERSIGN, "serve", "--settings", str(settings)], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT, env=surroundings
    )
    assert done.returncode == 2, done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_a_setting_with_a_typo(settings: Path) -> None:
    """Unknown is refused, with its line and the nearest known name."""
    spoil(settings, "shutdown_grace:", "shutdown_grce:")

    said = refused(settings)

    assert "shutdown_grce" in said
    assert "shutdown_grace" in said
    assert f"settings.yaml:{1 + settings.read_text()[: settings.read_text().index('shutdown_grce')].count(chr(10))}" in said


def test_a_setting_of_the_environment_with_a_typo(settings: Path) -> None:
    """The environment is held to the same."""
    said = refused(settings, COUNTERSIGN_STOR__SQLITE__PATH="x")

    assert "COUNTERSIGN_STOR__SQLITE__PATH" in said


def test_a_boundary_with_a_typo(settings: Path) -> None:
    """File, line, and what to write."""
    spoil(settings.parent / "activation/boundary.yaml", "mode: agentic", "mode: agentc")

    said = refused(settings)

    assert "boundary.yaml:" in said
    assert "agentic" in said


def test_an_action_that_is_not_declared(settings: Path) -> None:
    """A step may only list declared actions."""
    spoil(settings.parent / "activation/boundary.yaml", "commits: [activate_plan]", "commits: [activate_plans]")

    said = refused(settings)

    assert "activate_plans" in said
    assert "boundary.yaml:" in said


def test_a_bundle_that_does_not_compile(settings: Path) -> None:
    """OPA's own words, with the author's file and line."""
    folder = settings.parent / "activation/policies/countersign/commit/broken"
    folder.mkdir(parents=True)
    (folder / "broken.rego").write_text("package countersign.commit.broken\n\npass if { input.amonut > 1 }\n")

    said = refused(settings)

    assert "broken.rego:" in said


def test_no_opa(settings: Path) -> None:
    """Every place that was looked in, and the command that brings one."""
    spoil(settings, f"folder: {ROOT / '.tools' / 'bin'}", f"folder: {settings.parent / 'nowhere'}")

    said = refused(settings, PATH=str(settings.parent))

    assert "countersign opa install" in said


def test_a_store_that_another_gateway_holds(settings: Path, stage: Theatre) -> None:
    """The lock names who holds it."""
    stage.start_gateway()

    said = refused(settings)

    assert str(stage.pid("gateway")) in said
    assert "countersign.db" in said


def test_a_socket_that_another_gateway_serves(settings: Path, stage: Theatre) -> None:
    """Two gateways never share a socket path: the second would serve nobody, or the wrong ones."""
    stage.start_gateway()

    said = refused(settings, COUNTERSIGN_STORE__SQLITE__PATH=str(settings.parent / "other.db"))

    assert "in use" in said
    assert "gateway.sock" in said


@pytest.fixture
def used_store(settings: Path, stage: Theatre) -> Path:
    """A store as a gateway leaves it."""
    stage.start_gateway()
    stage.end("gateway")
    assert settings.exists()
    return stage.folder / "countersign.db"


def test_a_store_of_a_newer_version(settings: Path, used_store: Path) -> None:
    """Both versions are named; nothing is touched."""
    with sqlite3.connect(used_store) as store:
        store.execute("UPDATE schema_versions SET version = 999 WHERE version = (SELECT max(version) FROM schema_versions)")
    store.close()

    said = refused(settings)

    assert "999" in said


def test_a_file_that_is_no_store(settings: Path) -> None:
    """Somebody else's file is left alone."""
    path = settings.parent / "countersign.db"
    path.write_bytes(b"these are my notes, not a database" * 100)

    said = refused(settings)

    assert "countersign.db" in said
    assert path.read_bytes().startswith(b"these are my notes")


def test_assertions_switched_off(settings: Path) -> None:
    """The laws are assertions: `python -O` would run a gateway without them."""
    done = subprocess.run(
        [sys.executable, "-O", "-m", "gateway", "serve", "--settings", str(settings)], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )

    assert done.returncode == 70
    assert "-O" in done.stdout + done.stderr


def test_words_that_are_to_be_kept_and_have_no_place(settings: Path) -> None:
    """A step that asks for its transcript needs a folder in the settings; with one it would start."""
    boundary = settings.parent / "activation" / "boundary.yaml"
    spoil(boundary, "        models: [rogue]\n", "        models: [rogue]\n        transcript: text\n")

    said = refused(settings)
    settings.write_text(settings.read_text() + f"\ntranscripts: {{folder: {settings.parent / 'transcripts'}}}\n")
    checked = subprocess.run([COUNTERSIGN, "serve", "--check", "--settings", str(settings)], capture_output=True, timeout=60, check=False, cwd=ROOT)

    assert "step activate_subscription/select_plan_rogue keeps its transcripts, and the settings name no folder for them" in said
    assert "Write transcripts: {folder:" in said
    assert checked.returncode == 0
