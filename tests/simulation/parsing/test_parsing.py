"""One document, one reading: the written corpus and some drawn documents, by every parser that is at hand here. `make prove` asks all of them, about more."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from gateway.domain.strict_json import NotStrict, scan
from tests.simulation.parsing.canonical import canonical
from tests.simulation.parsing.differential import admitted, disagreements, misjudged
from tests.simulation.parsing.documents import ADMITTED, REFUSED, drawn
from tests.simulation.parsing.readers import READERS


@cache
def some() -> list[bytes]:
    return drawn(200, seeded=1)


def test_what_parsers_read_differently_is_refused() -> None:
    """And nothing else of the corpus is."""
    assert misjudged() == []
    assert len(REFUSED) > 70


@pytest.mark.parametrize("name", ["json", "orjson", "pydantic", "opa"])
def test_what_is_admitted_is_read_alike(name: str, tmp_path: Path) -> None:
    """Escapes, numbers, keys and nesting, in every spelling that was drawn."""
    documents = admitted([*ADMITTED.values(), *some()])

    assert disagreements(name, READERS[name], documents, tmp_path) == []
    assert len(documents) > len(ADMITTED) + 50


def test_a_reader_that_reads_otherwise_is_found(tmp_path: Path) -> None:
    """One that drops the fraction of a number."""

    def cut(documents: Sequence[bytes], folder: Path) -> list[str]:
        return [canonical(1) for _ in documents]

    assert len(disagreements("cut", cut, [b"1", b"1.5"], tmp_path)) == 1


def test_hypothesis_draws_both_kinds() -> None:
    """Documents to admit and documents to refuse."""
    refused = [one for one in some() if isinstance(scan(one), NotStrict)]

    assert 20 < len(refused) < len(some()) - 20
