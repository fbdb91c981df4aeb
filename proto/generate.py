"""Generates every client's stubs from `proto/`. Run through `make gen`.

1. Output is committed; `--check` regenerates into a temporary folder and fails when a committed file is stale.
2. Python needs nothing beyond the environment; Go needs the two pinned plugins, which `go install` brings into `.tools/bin`.
"""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
TOOLS = ROOT / ".tools" / "bin"
GO_PLUGINS = ("google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12", "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2")
GO_MODULE = "countersign.dev/clients/go"


def sources() -> list[str]:
    return sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))


def protoc(*flags: str, path: str) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", *flags, *sources()]
    subprocess.run(command, cwd=PROTO, check=True, env={**os.environ, "PATH": path})


def python_stubs(out: Path) -> None:
    """`_pb2.py`, `_pb2.pyi`, `_pb2_grpc.py` under `out`; package and folder agree, so no import is rewritten."""
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    protoc(f"--python_out={out}", f"--mypy_out=quiet:{out}", f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet:{out}", path=scripts)


def go_stubs(out: Path) -> None:
    for plugin in GO_PLUGINS:
        name = plugin.rsplit("/", 1)[1].split("@")[0]
        if not (TOOLS / name).exists():
            subprocess.run(["go", "install", plugin], check=True, env={**os.environ, "GOBIN": str(TOOLS)})
    flags = (f"--go_out={out}", f"--go_opt=module={GO_MODULE}", f"--go-grpc_out={out}", f"--go-grpc_opt=module={GO_MODULE}")
    protoc(*flags, path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")


TREES = {
    "python": (python_stubs, ROOT / "clients/python/src", ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")),
    "go": (go_stubs, ROOT / "clients/go", ("*.pb.go",)),
}


def generated(folder: Path, patterns: tuple[str, ...]) -> set[Path]:
    return {path.relative_to(folder) for pattern in patterns for path in folder.rglob(pattern)}


def refresh(language: str, *, check: bool) -> list[str]:
    """Returns the stale files, having rewritten them unless `check`."""
    make, home, patterns = TREES[language]
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        make(fresh)
        names = generated(fresh, patterns)
        old = generated(home, patterns)
        stale = [str(name) for name in sorted(names | old) if not _same(fresh / name, home / name)]
        if not check:
            for name in old - names:
                (home / name).unlink()
            for name in names:
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(fresh / name, home / name)
    return stale


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and filecmp.cmp(one, other, shallow=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when a committed stub is stale")
    parser.add_argument("--language", choices=[*TREES], action="append", help="only this one; may be repeated")
    asked = parser.parse_args()
    stale = [f"{language}: {name}" for language in asked.language or TREES for name in refresh(language, check=asked.check)]
    for name in stale:
        print(("stale: " if asked.check else "wrote: ") + name)
    if asked.check and stale:
        print("stubs differ from proto/: run `make gen` and commit what it writes")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
