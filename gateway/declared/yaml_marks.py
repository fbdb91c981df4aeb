"""YAML as it is meant by people who declare things: plain data, and the line and column of every key and value.

1. One document of mappings, lists and scalars. Anchors, aliases, tags and duplicate keys are refused: what is read is what is written.
2. A plain scalar is null, true, false, a decimal integer (underscores allowed), a decimal fraction, or text. `no` is text, and so is `12:30`.
3. Keys are text. Size and depth are bounded before anything is built.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml

from gateway.declared.findings import DeclarationRefused, Finding

FILE_BYTES_MAX: Final = 256 * 1024
DEPTH_MAX: Final = 32
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*(?:_[0-9]+)*)")
_FRACTION: Final = re.compile(r"[-+]?[0-9]+\.[0-9]+")
_NUMBER_CHARS_MAX: Final = 30
_WORDS: Final[Mapping[str, bool | None]] = {"": None, "~": None, "null": None, "true": True, "false": False, "True": True, "False": False}

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    line: int  # from 1
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """Plain data, and where each part of it stands. `origins` names what is not in the file at all, as an environment variable is."""

    file: str
    data: object
    keys: Mapping[Path, Mark]
    values: Mapping[Path, Mark]
    origins: Mapping[Path, str] = field(default_factory=dict)

    def finding(self, path: Path, message: str, write: str, *, at_key: bool = False) -> Finding:
        """A finding about the part at `path`, or about the nearest part around it that is there."""
        origin = self._origin(path)
        if origin is not None:
            return Finding(file=origin, line=0, column=0, message=message, write=write)
        first, second = (self.keys, self.values) if at_key else (self.values, self.keys)
        for end in range(len(path), -1, -1):
            mark = first.get(path[:end]) or second.get(path[:end])
            if mark is not None:
                return Finding(file=self.file, line=mark.line, column=mark.column, message=message, write=write)
            first, second = self.keys, self.values
        return Finding(file=self.file, line=1, column=1, message=message, write=write)

    def _origin(self, path: Path) -> str | None:
        """What the part came from when it is not in the file: itself, a part around it, or (for one made on the way) a part inside it."""
        around = next((self.origins[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.origins), None)
        if around is not None or path in self.values:
            return around
        return next((origin for inside, origin in self.origins.items() if path and inside[: len(path)] == path), None)


def read_yaml(content: bytes, file: str) -> Marked:
    """`file` is how findings name it. Raises `DeclarationRefused` when it cannot be read as rule 1 says."""
    if len(content) > FILE_BYTES_MAX:
        raise _refuse(file, None, f"the file has {len(content)} bytes", f"Keep it to {FILE_BYTES_MAX} bytes.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = content[: wrong.start].count(b"\n") + 1
        raise _refuse(file, Mark(line, 1), "not UTF-8", "Save the file as UTF-8.") from wrong
    try:
        _only_plain(text, file)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        place = Mark(mark.line + 1, mark.column + 1) if mark else None
        raise _refuse(file, place, f"not YAML: {wrong.problem or wrong.context}", "Put the YAML right at this place.") from wrong
    except yaml.YAMLError as wrong:
        raise _refuse(file, None, f"not YAML: {_one_line(str(wrong))}", "Put the YAML right.") from wrong
    built = _Built(file)
    data = None if node is None else built.build(node, ())
    return Marked(file=file, data=data, keys=built.keys, values=built.values)


def read_value(text: str) -> object:
    """The value of an environment variable, read by the same rules. Raises `DeclarationRefused`."""
    return read_yaml(text.encode("utf-8", errors="surrogateescape"), "value").data


def _only_plain(text: str, file: str) -> None:
    """Looks at the events, before anything is built of them. Raises `DeclarationRefused`."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        at = event.start_mark
        mark = Mark(at.line + 1, at.column + 1) if at else None
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refuse(file, mark, "anchors and aliases are not read", "Write the value out where it belongs.")
        if getattr(event, "tag", None):
            raise _refuse(file, mark, "tags are not read", "Write plain data without ! in front of it.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            raise _refuse(file, mark, f"nested deeper than {DEPTH_MAX} levels", "Write it flatter.")


class _Built:
    """Nodes to data, noting marks on the way."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.keys: dict[Path, Mark] = {}
        self.values: dict[Path, Mark] = {}

    def build(self, node: yaml.Node, path: Path) -> object:
        self.values[path] = _mark(node)
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path)
            case yaml.SequenceNode():
                return [self.build(item, (*path, place)) for place, item in enumerate(node.value)]
            case yaml.ScalarNode():
                return _scalar(node, self._text(node))
            case _:
                raise AssertionError(f"PyYAML composes three kinds of node, not {type(node).__name__}")

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        made: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refuse(self._file, _mark(key), "a key that is not text", "Write a name before the colon.")
            name = self._text(key)
            if name in made:
                first = self.keys[*path, name].line
                raise _refuse(self._file, _mark(key), f'the key "{name[:64]}" is written twice, first in line {first}', "Keep one of them.")
            self.keys[*path, name] = _mark(key)
            made[name] = self.build(value, (*path, name))
        return made

    def _text(self, node: yaml.ScalarNode) -> str:
        text = str(node.value)
        if any("\ud800" <= char <= "\udfff" or char == "\x00" for char in text):
            raise _refuse(self._file, _mark(node), "an escape that stands for no character", "Write the character itself.")
        return text


def _scalar(node: yaml.ScalarNode, text: str) -> object:
    if node.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _NUMBER_CHARS_MAX and _INTEGER.fullmatch(text):
        return int(text)
    if len(text) <= _NUMBER_CHARS_MAX and _FRACTION.fullmatch(text):
        return float(text)
    return text


def _mark(node: yaml.Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


def _refuse(file: str, mark: Mark | None, message: str, write: str) -> DeclarationRefused:
    place = mark or Mark(1, 1)
    return DeclarationRefused([Finding(file=file, line=place.line, column=place.column, message=message, write=write)])


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
