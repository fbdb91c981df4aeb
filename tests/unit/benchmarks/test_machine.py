"""What is asked of Linux."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from benchmarks import machine

MOUNTS = """\
/dev/sda / ext4 rw 0 0
tmpfs /ram tmpfs rw 0 0
/dev/sdb /ram/real ext4 rw 0 0
tmpfs /mnt/with\\040space tmpfs rw 0 0
overlay /over overlay rw 0 0
tmpfs /over tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/srv/x", "ext4"), ("/ram/x", "tmpfs"), ("/ram", "tmpfs"), ("/ramfile", "ext4"), ("/ram/real/x", "ext4"), ("/mnt/with space/x", "tmpfs"),
        ("/over/x", "tmpfs"),
    ],
)  # fmt: skip
def test_a_folder_is_on_the_deepest_and_latest_mount(folder: str, expected: str) -> None:
    """A mount over a mount hides it."""
    assert machine.file_system(Path(folder), MOUNTS) == expected


def test_a_folder_on_no_mount_is_on_nothing_known() -> None:
    """Which proves nothing, and is found so."""
    assert machine.file_system(Path("/srv"), "") == ""


def test_this_checkout_is_on_something() -> None:
    """The real mounts can be read."""
    assert machine.file_system(Path(__file__), machine.mounts()) != ""


def test_work_takes_processor_time() -> None:
    """Of this process, and it only grows."""
    before_s = machine.cpu_s(os.getpid())
    while machine.cpu_s(os.getpid()) < before_s + 0.03:
        sum(range(10_000))

    assert machine.cpu_s(os.getpid()) >= before_s + 0.03


async def test_children_are_found_with_theirs() -> None:
    """A child's child belongs to us too, and is known by its program."""
    inner = "import sys; sys.stdout.write('up'); sys.stdout.flush(); sys.stdin.read()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", outer, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    await asyncio.wait_for(process.stdout.readexactly(2), 30)

    found = machine.children(process.pid)
    programs = [machine.program(pid) for pid in found]
    process.stdin.close()
    await asyncio.wait_for(process.wait(), 30)

    assert len(found) == 1
    assert programs[0].startswith("python")


def test_a_sync_takes_time_and_leaves_nothing(tmp_path: Path) -> None:
    """The probe file is gone."""
    assert machine.sync_us(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []


def test_the_machine_is_described_without_its_name() -> None:
    """Model, cores, kernel and Python version: nothing else."""
    assert sorted(machine.described()) == ["cores", "cpu", "kernel", "python"]


def test_of_the_kernel_only_its_version_is_told() -> None:
    """Digits and dots."""
    assert re.fullmatch(r"\d+(\.\d+)*", str(machine.described()["kernel"]))
