"""A planted bug: an exact piece of our source, what stands in its place, and the one test that has to notice.

1. The text occurs once in its file. When the source moves on, the mutant is brought along: it never quietly plants nothing.
2. The test is green without it and red with it, by failing, not by being unable to run.
"""

from dataclasses import dataclass
from pathlib import Path


class NotPlanted(Exception):
    """The text is not in the file once: which mutant, which file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    name: str
    bug: str  # what a hurried implementation does, in a few words
    file: str
    text: str
    put: str
    test: str  # a pytest node
    first: bool = False  # guards money and writes: planted at every size
    more: tuple[tuple[str, str, str], ...] = ()  # further (file, text, put), where a bug needs two places

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
