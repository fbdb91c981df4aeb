"""`countersign demo` where it cannot play: what is missing, and what to do."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gateway

PACKAGE = Path(gateway.__file__).parent


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The gateway as an installation has it: the package, and no repository around it."""
    shutil.copytree(PACKAGE, tmp_path / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def demo(home: Path, before: str = "") -> tuple[int, str]:
    """Exit code, and what was said on standard error, of the demo of the gateway in `home`."""
    program = f"import sys; sys.path.insert(0, {str(home)!r}); {before}\nfrom gateway.cli.main import command_line; command_line('demo')()"
    done = subprocess.run([sys.executable, "-c", program, "demo"], cwd=home, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == ""
    return done.returncode, " ".join(done.stderr.split())


def test_outside_a_checkout_it_says_what_it_needs(elsewhere: Path) -> None:
    """Which folder was looked in, what to clone and run, and what that needs; no traceback."""
    code, said = demo(elsewhere)

    assert code == 2
    assert f"this installation ({elsewhere}) has none" in said
    assert "run `make demo` there. It needs Python 3.11 or newer, make, and OPA" in said
    assert "Traceback" not in said


def test_without_the_model_it_says_which_package(elsewhere: Path) -> None:
    """A checkout whose environment was made without the extra."""
    beside = elsewhere / "examples" / "subscription"
    beside.mkdir(parents=True)
    (beside / "demo.py").write_text("raise SystemExit('played')")

    code, said = demo(elsewhere, "sys.modules['xllamacpp'] = None")

    assert (code, said) == (2, "the demo's local model is not installed: no xllamacpp. Run `make demo`, which installs it.")
