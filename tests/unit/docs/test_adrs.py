"""Decisions are numbered once each, and say what holds them."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "adr"
PAGES = sorted(FOLDER.glob("*.md"))
PARTS = ("**Context.**", "**Decision.**", "**Consequences.**", "**Enforced by.**")


def test_numbers_follow_each_other() -> None:
    """No number twice, none left out."""
    assert [int(page.name[:4]) for page in PAGES] == [*range(1, len(PAGES) + 1)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_decision_has_its_parts_in_order(page: Path) -> None:
    """Its own number first, then context, decision, consequences, and what would fail if it were forgotten."""
    text = page.read_text(encoding="utf-8")
    places = [text.find(part) for part in PARTS]

    assert re.match(rf"# {page.name[:4]} \S", text)
    assert -1 not in places
    assert places == sorted(places)
