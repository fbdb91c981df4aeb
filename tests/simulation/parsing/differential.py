"""Whether everybody reads what admit admits as admit reads it, and whether admit refuses what they do not.

A finding is a sentence with the document in it, so that it can be tried by hand.
"""

from collections.abc import Sequence
from pathlib import Path

from gateway.domain.strict_json import NotStrict, scan
from tests.simulation.parsing.canonical import canonical
from tests.simulation.parsing.documents import ADMITTED, REFUSED
from tests.simulation.parsing.readers import NoReader, Reader, go_folds

SHOWN_BYTES = 200


def misjudged() -> list[str]:
    """Of the written corpus: what is let in and must not be, what is kept out and need not be."""
    let_in = [f"{name}: admitted {document[:SHOWN_BYTES]!r}" for name, document in REFUSED.items() if not isinstance(scan(document), NotStrict)]
    kept_out = [f"{name}: {found}" for name, document in ADMITTED.items() if isinstance(found := scan(document), NotStrict)]
    return let_in + kept_out


def admitted(documents: Sequence[bytes]) -> list[bytes]:
    return [document for document in documents if not isinstance(scan(document), NotStrict)]


def disagreements(name: str, reader: Reader, documents: Sequence[bytes], folder: Path) -> list[str]:
    """Of one reader, over documents that are admitted."""
    try:
        read = reader(documents, folder)
    except NoReader as why:
        return [f"{name}: {why}"]
    ours = [canonical(scan(document)) for document in documents]
    return [
        f"{name} reads {document[:SHOWN_BYTES]!r} as {theirs[:SHOWN_BYTES]}, and we as {mine[:SHOWN_BYTES]}"
        for document, mine, theirs in zip(documents, ours, read, strict=True) if mine != theirs
    ]  # fmt: skip


def unfolded(folder: Path) -> tuple[int, list[str]]:
    """How many pairs of letters Go folds, and those that our own folding keeps apart."""
    try:
        pairs = go_folds(folder)
    except NoReader as why:
        return 0, [str(why)]
    return len(pairs), [f"Go takes {one!r} for {other!r} in a key, and we do not" for one, other in pairs if one.casefold() != other.casefold()]
