"""Where engines live: of this user alone, and the same for the next gateway."""

import os
import tempfile
from pathlib import Path

import pytest

from gateway.app.engine_folder import engine_folder
from gateway.config import RefusedToStart, Settings, load

SETTINGS = """\
listeners: [{name: workflow, address: "unix:run/gateway.sock", tenant: acme, caller: orders, role: workflow}]
store: {sqlite: {path: var/store.db}}
activation: {path: activation}
"""


def declared(folder: Path, more: str = "") -> Settings:
    (folder / "activation").mkdir()
    (folder / "settings.yaml").write_text(SETTINGS + more)
    return load(folder / "settings.yaml", {})


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's folder of temporary files."""
    made = tmp_path / "tmp"
    made.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    return made


def test_gateways_of_a_user_share_one_that_is_closed_to_others(tmp_path: Path, temporary: Path) -> None:
    """Mode 0700."""
    settings = declared(tmp_path)

    first, second = engine_folder(settings), engine_folder(settings)

    assert first == second == temporary / f"countersign-{os.getuid()}"
    assert first.stat().st_mode & 0o777 == 0o700


def test_the_one_that_is_named_is_made(tmp_path: Path, temporary: Path) -> None:
    """Nothing else is."""
    named = engine_folder(declared(tmp_path, f"opa: {{runtime_folder: {tmp_path}/run/opa}}\n"))

    assert named == tmp_path / "run/opa"
    assert named.is_dir()
    assert [*temporary.iterdir()] == []


def test_a_link_in_its_place_is_refused(tmp_path: Path, temporary: Path) -> None:
    """Whoever made it could point it elsewhere tomorrow."""
    (tmp_path / "mine").mkdir(mode=0o700)
    (temporary / f"countersign-{os.getuid()}").symlink_to(tmp_path / "mine")

    with pytest.raises(RefusedToStart, match="another user's, or no folder") as refused:
        engine_folder(declared(tmp_path))

    assert "opa.runtime_folder" in refused.value.write


def test_another_users_is_refused(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may make a folder among temporary files, under any name."""
    uid = os.getuid() + 1
    (temporary / f"countersign-{uid}").mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: uid)

    with pytest.raises(RefusedToStart, match="another user's, or no folder"):
        engine_folder(declared(tmp_path))


def test_what_cannot_be_made_is_said(tmp_path: Path, temporary: Path) -> None:
    """A file in its place."""
    (temporary / f"countersign-{os.getuid()}").touch()

    with pytest.raises(RefusedToStart, match="cannot be made: File exists"):
        engine_folder(declared(tmp_path))
