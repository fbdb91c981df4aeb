"""Transcripts as files: whole, for one user, and never in the way of a decision."""

import stat
from pathlib import Path

import pytest

from gateway.adapters.transcripts import FolderTranscripts


async def test_a_transcript_is_a_file_for_the_gateway_alone(tmp_path: Path) -> None:
    """By the decision's id; nothing else is left in the folder."""
    told: list[str] = []
    transcripts = FolderTranscripts(tmp_path / "kept", log=told.append)

    await transcripts.keep("0abc", b"{}")

    file = tmp_path / "kept" / "0abc.json"
    assert file.read_bytes() == b"{}"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [one.name for one in file.parent.iterdir()] == ["0abc.json"]
    assert told == []


async def test_a_folder_that_is_gone_is_told_and_fails_nothing(tmp_path: Path) -> None:
    """The decision stands without the words."""
    told: list[str] = []
    transcripts = FolderTranscripts(tmp_path / "kept", log=told.append)
    (tmp_path / "kept").rmdir()

    await transcripts.keep("0abc", b"{}")

    assert told == ["the transcript of 0abc was not kept: No such file or directory"]


async def test_an_id_is_no_path(tmp_path: Path) -> None:
    """Ours are letters and digits; anything else is a bug."""
    with pytest.raises(AssertionError):
        await FolderTranscripts(tmp_path, log=print).keep("../up", b"")
