"""The author's folders, read once: what was checked is what the engine gets, whatever happens to the folders afterwards.

1. Layers are laid over each other in order; a file may be in one layer only, so that no layer can quietly replace another's rule.
2. Policies and data live under `countersign/`, the bundle's only root. Data is read from `data.yaml` or `data.json` alone, as OPA does.
3. A file nobody would load is a finding, not an oversight. A symbolic link is followed inside its layer (mounted configuration is
   made of them), never out of it; names that begin with a dot do not count. Everything is bounded.
4. The digest covers exactly what the engine is given: names and bytes, each with its length, in order of name.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.adapters.opa.findings import Finding

ROOT: Final = "countersign"
FILE_BYTES_MAX: Final = 1024 * 1024
FILES_MAX: Final = 2_000
DEPTH_MAX: Final = 16
TOTAL_BYTES_MAX: Final = 16 * 1024 * 1024
_DATA_NAMES: Final = frozenset({"data.json", "data.yaml", "data.yml"})
_MANIFEST_KEYS: Final = frozenset({"roots", "revision"})
_RULE: Final = "policy/files"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """`name` is the path inside the bundle, with slashes; `source` is where the author keeps it."""

    name: str
    source: Path
    content: bytes

    @property
    def enforced(self) -> bool:
        """True for what the engine is given: rules and data, neither tests nor schemas."""
        return not self.is_schema and not self.name.endswith("_test.rego")

    @property
    def is_schema(self) -> bool:
        return self.name.startswith("schemas/")

    @property
    def is_rego(self) -> bool:
        return self.name.endswith(".rego")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    files: tuple[SourceFile, ...]  # in order of name

    @property
    def enforced(self) -> tuple[SourceFile, ...]:
        return tuple(file for file in self.files if file.enforced)

    def digest(self) -> bytes:
        """SHA-256 over the enforced files."""
        made = hashlib.sha256(b"countersign-policies-v1\n")
        for file in self.enforced:
            for part in (file.name.encode(), file.content):
                made.update(len(part).to_bytes(8, "big") + part)
        return made.digest()

    def find(self, name: str) -> SourceFile | None:
        return next((file for file in self.files if file.name == name), None)


def take(layers: Sequence[Path]) -> tuple[Snapshot, list[Finding]]:
    """Read the layers, lowest first. With findings the snapshot is not to be used."""
    findings: list[Finding] = []
    taken: dict[str, SourceFile] = {}
    for layer in layers:
        for file in _read(layer, findings):
            if (twin := taken.get(file.name)) is not None:
                remedy = f"{twin.source} has it too: rename one, or take the lower layer out and keep your own copy of it."
                findings.append(_finding(file.source, "the same file is in two layers", remedy))
            taken[file.name] = file
    if not any(file.is_rego and file.enforced for file in taken.values()):
        findings.append(_finding(layers[-1], "no rule in any layer", f"Write the entrypoints under {ROOT}/, or name the default bundle as a layer."))
    if sum(len(file.content) for file in taken.values()) > TOTAL_BYTES_MAX:
        findings.append(_finding(layers[-1], f"more than {TOTAL_BYTES_MAX} bytes in all", "Keep large tables out of the bundle."))
    return Snapshot(files=tuple(taken[name] for name in sorted(taken))), findings


def lay(files: Sequence[tuple[str, bytes]], folder: Path, *, roots: Sequence[str], revision: str) -> None:
    """Write a bundle folder OPA can load: the files, and a manifest with these roots and nothing else."""
    for name, content in files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".manifest").write_text(json.dumps({"revision": revision, "roots": list(roots)}))


def _read(layer: Path, findings: list[Finding]) -> Iterator[SourceFile]:
    if not layer.is_dir():
        findings.append(_finding(layer, "no such folder", f"Make it, with your rules or data under {ROOT}/."))
        return
    findings.extend(_manifest(layer / ".manifest"))
    seen = 0
    for path in _walk(layer, findings):
        seen += 1
        if seen > FILES_MAX:
            findings.append(_finding(layer, f"more than {FILES_MAX} files", "Keep only policies, data, schemas and their tests here."))
            return
        name = path.relative_to(layer).as_posix()
        if path.suffix == ".md":
            continue
        if (wrong := _misplaced(path, name)) is not None:
            findings.append(wrong)
            continue
        yield SourceFile(name=name, source=path, content=path.read_bytes())


def _walk(layer: Path, findings: list[Finding]) -> Iterator[Path]:
    """Every file of the layer in a stable order."""
    inside = layer.resolve()
    pending = [layer]
    while pending:
        path = pending.pop()
        if not path.resolve().is_relative_to(inside):
            findings.append(_finding(path, "a symbolic link that leaves the folder", "Put the file itself here."))
        elif path.is_file():
            yield path
        elif len(path.relative_to(layer).parts) > DEPTH_MAX:
            findings.append(_finding(path, f"deeper than {DEPTH_MAX} folders", "Lay it out flatter."))
        elif path.is_dir():
            pending += sorted((one for one in path.iterdir() if not one.name.startswith(".")), reverse=True)
        else:
            findings.append(_finding(path, "neither a file nor a folder", "Take it out."))


def _misplaced(path: Path, name: str) -> Finding | None:
    if path.stat().st_size > FILE_BYTES_MAX:
        return _finding(path, f"more than {FILE_BYTES_MAX} bytes", "Split the file.")
    if name.startswith("schemas/"):
        return None if path.suffix == ".json" else _finding(path, "not a JSON Schema", "Keep *.json schemas in schemas/, nothing else.")
    if path.suffix != ".rego" and path.name not in _DATA_NAMES:
        return _finding(path, "OPA would not load this file", "Name data files data.yaml or data.json and rules *.rego.")
    if not name.startswith(f"{ROOT}/"):
        return _finding(path, f"outside {ROOT}/, the bundle's only root", f"Move it under {ROOT}/.")
    return None


def _manifest(path: Path) -> Iterator[Finding]:
    """A manifest may be kept beside the policies, but may say nothing else than the one root."""
    if not path.exists():
        return
    remedy = f'Write {{"roots": ["{ROOT}"]}}, or leave the manifest out.'
    try:
        manifest = json.loads(path.read_bytes()[:FILE_BYTES_MAX])
    except ValueError:
        yield _finding(path, "not JSON", remedy)
        return
    if not isinstance(manifest, dict) or manifest.get("roots") != [ROOT] or manifest.keys() - _MANIFEST_KEYS:
        yield _finding(path, f"the roots are not exactly [{ROOT}], or it says more than roots and revision", remedy)


def _finding(path: Path, message: str, remedy: str) -> Finding:
    return Finding(rule=_RULE, file=str(path), line=0, message=message, remedy=remedy)
