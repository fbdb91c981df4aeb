"""A snapshot is what was read, all of it, and nothing that could surprise."""

import json
from pathlib import Path

import pytest

from gateway.adapters.opa.snapshot import FILE_BYTES_MAX, lay, take

RULE = "package countersign.commit\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    root.mkdir(parents=True, exist_ok=True)
    return root


def test_layers_are_laid_over_each_other(tmp_path: Path) -> None:
    """Rules from below, data from above, in order of name."""
    base = write(tmp_path / "base", {"countersign/commit/verdict.rego": RULE, "README.md": "read me", "schemas/tenant.json": "{}"})
    own = write(tmp_path / "own", {"countersign/tenants/acme/data.yaml": "risk_max: low\n"})

    snapshot, findings = take([base, own])

    assert findings == []
    assert [file.name for file in snapshot.files] == ["countersign/commit/verdict.rego", "countersign/tenants/acme/data.yaml", "schemas/tenant.json"]
    assert [file.name for file in snapshot.enforced] == ["countersign/commit/verdict.rego", "countersign/tenants/acme/data.yaml"]


def test_the_digest_is_of_what_is_enforced(tmp_path: Path) -> None:
    """Tests and schemas do not change it; a byte of a rule, or its name, does."""
    plain = write(tmp_path / "a", {"countersign/x.rego": RULE})
    tested = write(tmp_path / "b", {"countersign/x.rego": RULE, "countersign/x_test.rego": RULE, "schemas/x.json": "{}"})
    edited = write(tmp_path / "c", {"countersign/x.rego": RULE + "\n"})
    renamed = write(tmp_path / "d", {"countersign/y.rego": RULE})

    digests = [take([folder])[0].digest() for folder in (plain, tested, edited, renamed)]

    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_a_digest_does_not_confuse_where_a_name_ends(tmp_path: Path) -> None:
    """Lengths are part of what is hashed."""
    one = write(tmp_path / "a", {"countersign/x.rego": "a", "countersign/y.rego": "b"})
    two = write(tmp_path / "b", {"countersign/x.rego": "acountersign/y.regob"})

    assert take([one])[0].digest() != take([two])[0].digest()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"countersign/limits.yaml": "a: 1"}, "OPA would not load this file"),
        ({"system/authz.rego": "package system.authz"}, "outside countersign/"),
        ({"data.yaml": "a: 1"}, "outside countersign/"),
        ({"schemas/notes.txt": "x"}, "not a JSON Schema"),
        ({"countersign/big.rego": "#" * (FILE_BYTES_MAX + 1)}, "more than 1048576 bytes"),
        ({".manifest": '{"roots": ["countersign", "system"]}'}, "the roots are not exactly [countersign]"),
        ({".manifest": '{"roots": ["countersign"], "wasm": []}'}, "or it says more"),
        ({".manifest": "roots"}, "not JSON"),
    ],
)
def test_what_does_not_belong_is_a_finding(tmp_path: Path, files: dict[str, str], message: str) -> None:
    """Misplaced, misnamed, oversized, or a manifest that claims more."""
    folder = write(tmp_path / "own", {"countersign/x.rego": RULE, **files})

    _, findings = take([folder])

    assert [message in finding.message for finding in findings] == [True]
    assert findings[0].file == str(folder / next(iter(files)))


def test_a_file_in_two_layers_is_a_finding(tmp_path: Path) -> None:
    """No layer quietly replaces another's rule."""
    base = write(tmp_path / "base", {"countersign/x.rego": RULE})
    own = write(tmp_path / "own", {"countersign/x.rego": RULE + "\nallow := true\n"})

    _, findings = take([base, own])

    assert [finding.message for finding in findings] == ["the same file is in two layers"]


def test_a_folder_mounted_as_configuration_is_read(tmp_path: Path) -> None:
    """Links inside the layer, from visible names to a hidden revision, as an orchestrator mounts it; each file once."""
    folder = write(tmp_path / "own", {"..2026_11_22/countersign/x.rego": RULE, "..2026_11_22/schemas/tenant.json": "{}"})
    (folder / "..data").symlink_to("..2026_11_22")
    (folder / "countersign").symlink_to("..data/countersign")
    (folder / "schemas").symlink_to("..data/schemas")

    snapshot, findings = take([folder])

    assert findings == []
    assert [file.name for file in snapshot.files] == ["countersign/x.rego", "schemas/tenant.json"]


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    """Depth is bounded, and told."""
    folder = write(tmp_path / "own", {"countersign/x.rego": RULE})
    (folder / "countersign" / "again").symlink_to(folder / "countersign")

    _, findings = take([folder])

    assert [finding.message for finding in findings] == ["deeper than 16 folders"]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """Neither to a file nor to a folder."""
    outside = write(tmp_path / "outside", {"countersign/y.rego": RULE})
    folder = write(tmp_path / "own", {"countersign/x.rego": RULE})
    (folder / "countersign" / "y.rego").symlink_to(outside / "countersign" / "y.rego")
    (folder / "more").symlink_to(outside)

    snapshot, findings = take([folder])

    assert [finding.message for finding in findings] == ["a symbolic link that leaves the folder"] * 2
    assert [file.name for file in snapshot.files] == ["countersign/x.rego"]


def test_a_layer_that_is_missing_or_empty_is_a_finding(tmp_path: Path) -> None:
    """A typo in the settings does not make an empty bundle."""
    empty = write(tmp_path / "empty", {})

    assert [finding.message for finding in take([tmp_path / "nowhere"])[1]] == ["no such folder", "no rule in any layer"]
    assert [finding.message for finding in take([empty])[1]] == ["no rule in any layer"]


def test_a_laid_bundle_has_a_manifest_of_our_making(tmp_path: Path) -> None:
    """The roots are ours to say."""
    lay([("countersign/x.rego", b"package countersign\n")], tmp_path / "laid", roots=("countersign",), revision="r1")

    assert json.loads((tmp_path / "laid" / ".manifest").read_text()) == {"revision": "r1", "roots": ["countersign"]}
    assert (tmp_path / "laid" / "countersign" / "x.rego").read_bytes() == b"package countersign\n"
