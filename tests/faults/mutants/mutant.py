"""A planted bug: an exact piece of our source, what stands in its place, and what has to notice: one test, or a few cases of a suite of `make prove`.

1. The text occurs once in its file. When the source moves on, the mutant is brought along: it never quietly plants nothing.
2. The test, or the suite, is green without it and red with it, by failing, not by being unable to run.
"""

from dataclasses import dataclass
from pathlib import Path


class NotPlanted(Exception):
    """The text is not in the file once: which mutant, which file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A few cases of a suite."""

    suite: str  # its name in `tests/prove/table.py`
    volume: int  # cases; as many as make it sure that the bug shows, whatever the seed
    says: str  # what one of its failures has in it when it is this bug that it has seen
    only: str = ""  # one case, by its name


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    name: str
    bug: str  # what a hurried implementation does, in a few words
    file: str
    text: str
    put: str
    test: str | Trial  # a pytest node, or a suite
    first: bool = False  # guards money and writes: planted at every size
    more: tuple[tuple[str, str, str], ...] = ()  # further (file, text, put), where a bug needs two places

    @property
    def caught_by(self) -> str:
        """A pytest node, or `suite:NAME`."""
        return self.test if isinstance(self.test, str) else f"suite:{self.test.suite}"

    @property
    def edits(self) -> tuple[tuple[str, str, str], ...]:
        return ((self.file, self.text, self.put), *self.more)

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(file for file, _, _ in self.edits))

    def plant(self, root: Path) -> None:
        """Raises `NotPlanted`, with nothing changed."""
        sources = {file: (root / file).read_text() if (root / file).is_file() else "" for file in self.files}
        for file, text, put in self.edits:
            if sources[file].count(text) != 1:
                raise NotPlanted(f"{self.name}: its text occurs {sources[file].count(text)} times in {file}, expected once; bring the mutant up to date")
            sources[file] = sources[file].replace(text, put)
        for file, source in sources.items():
            (root / file).write_text(source)
