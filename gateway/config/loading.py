"""From one YAML file and the environment to `Settings`. The only place in the gateway that reads the environment.

1. `COUNTERSIGN_STORE__SQLITE__PATH` overrides `store.sqlite.path`: the prefix, then the keys in capitals, two underscores between them.
   Values are read as YAML. What the environment says goes over what the file says.
2. Unknown is refused, in the file and in the environment. Left alone are the variables of the `countersign` command, and those that
   Kubernetes sets for a Service called countersign (`COUNTERSIGN_PORT`, `COUNTERSIGN_SERVICE_HOST`, …).
3. Every wrong thing is said at once, with its file and line or its variable.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Final

from gateway.config.files import FOLDER
from gateway.config.settings import Settings
from gateway.config.stores import IN_POD
from gateway.declared.checking import check
from gateway.declared.findings import DeclarationRefused, Finding
from gateway.declared.yaml_marks import FILE_BYTES_MAX, Marked, Path, read_value, read_yaml

PREFIX: Final = "COUNTERSIGN_"
OPERATOR: Final = "COUNTERSIGN_OPERATOR"
OPERATOR_TOKEN_FILE: Final = "COUNTERSIGN_OPERATOR_TOKEN_FILE"  # noqa: S105 - the name of a variable, not a secret
CHECKOUT: Final = FilePath(__file__).resolve().parents[2]  # where this is a clone of the repository, its top
_COMMANDS_OWN: Final = frozenset({OPERATOR, OPERATOR_TOKEN_FILE})
_SERVICE_LINK: Final = re.compile(r"COUNTERSIGN_(?:[A-Z0-9]+_)*?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)?)")


class RefusedToStart(Exception):
    """The gateway does not start: what is wrong, and what to do about it. `countersign serve` prints it and ends with 2."""

    def __init__(self, what: str, *, write: str) -> None:
        super().__init__(f"{what}. {write}")
        self.what: Final = what
        self.write: Final = write


class SettingsRefused(DeclarationRefused):
    """The settings are not taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the command needs of its surroundings."""

    operator: str  # address of the operator listener, "" when not said
    operator_token_file: str
    search_path: str  # PATH
    variables: Mapping[str, str]  # all of them, for the one child that is a tool of its own (`go`)
    cache_folder: FilePath  # where what we bring is kept: .tools/bin of a checkout, else of this user


def surroundings(environment: Mapping[str, str] | None = None, *, checkout: FilePath = CHECKOUT) -> Environment:
    """Reads what the command needs; the process's own environment unless given."""
    given = os.environ if environment is None else environment
    home = FilePath(given.get("XDG_CACHE_HOME") or FilePath(given.get("HOME") or ".") / ".cache")
    return Environment(
        operator=given.get(OPERATOR, ""),
        operator_token_file=given.get(OPERATOR_TOKEN_FILE, ""),
        search_path=given.get("PATH", ""),
        variables=dict(given),
        cache_folder=checkout / ".tools" / "bin" if (checkout / "pyproject.toml").is_file() else home / "countersign" / "bin",
    )


def load(file: FilePath, environment: Mapping[str, str] | None = None) -> Settings:
    """Reads, overlays, checks. Raises `SettingsRefused` with every finding."""
    given = os.environ if environment is None else environment
    try:
        marked = _overlaid(read_yaml(_content(file), str(file)), given)
        context = {FOLDER: file.absolute().parent, IN_POD: "KUBERNETES_SERVICE_HOST" in given}
        return check(Settings, marked, context=context)
    except DeclarationRefused as refused:
        raise SettingsRefused(refused.findings) from None


def _content(file: FilePath) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(FILE_BYTES_MAX + 1)
    except OSError as failed:
        finding = Finding(file=str(file), line=0, column=0, message=f"cannot be read: {failed.strerror}", write="Name the settings file with --settings.")
        raise DeclarationRefused([finding]) from failed


def _overlaid(marked: Marked, environment: Mapping[str, str]) -> Marked:
    """The file's data with the environment's over it, and where each of those came from."""
    data = marked.data if isinstance(marked.data, dict) else {} if marked.data is None else None
    if data is None:
        return marked
    merged: dict[str, object] = _copy(data)
    origins: dict[Path, str] = {}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable in _COMMANDS_OWN or _SERVICE_LINK.fullmatch(variable):
            continue
        path = tuple(variable.removeprefix(PREFIX).lower().split("__"))
        _put(merged, path, _value(variable, environment[variable]))
        origins[path] = f"environment variable {variable}"
    return Marked(file=marked.file, data=merged, keys=marked.keys, values=marked.values, origins=origins)


def _copy(data: Mapping[str, object]) -> dict[str, object]:
    return {key: _copy(value) if isinstance(value, dict) else value for key, value in data.items()}


def _put(data: dict[str, object], path: tuple[str, ...], value: object) -> None:
    here = data
    for key in path[:-1]:
        below = here.get(key)
        if not isinstance(below, dict):
            below = {}
            here[key] = below
        here = below
    here[path[-1]] = value


def _value(variable: str, text: str) -> object:
    try:
        return read_value(text)
    except DeclarationRefused as refused:
        (finding,) = refused.findings
        where = f"environment variable {variable}"
        raise DeclarationRefused([Finding(file=where, line=0, column=0, message=finding.message, write=finding.write)]) from None
