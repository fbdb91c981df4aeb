"""Porcupine and our own checker say the same, and both can say no. `make prove` asks both about every history; here about those that are known."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.histories import simulated
from tests.simulation.history import History
from tests.simulation.porcupine.judging import Judges
from tests.simulation.porcupine.known import BAD, GOOD, at, drawn, look, of
from tests.simulation.porcupine.opinion import LINEARIZABLE, NOT_LINEARIZABLE, NoPorcupine, Porcupine
from tests.simulation.porcupine.spoiling import PERHAPS, SURELY, thinned

DRAWN = 2_000


@pytest.fixture(scope="module")
def porcupine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Porcupine]:
    with Porcupine(tmp_path_factory.mktemp("porcupine")) as asked:
        yield asked


@pytest.fixture(scope="module")
def histories() -> list[History]:
    return [simulated(f"known/{number}") for number in range(8)]


def ours(history: History) -> str:
    return NOT_LINEARIZABLE if history.left() else LINEARIZABLE


@pytest.mark.parametrize("history", GOOD.values(), ids=GOOD.keys())
def test_a_good_history_has_an_order(porcupine: Porcupine, history: History) -> None:
    """Both find it; what has no answer may have happened, or not."""
    assert (ours(history), porcupine.verdict(history)) == (LINEARIZABLE, LINEARIZABLE)


@pytest.mark.parametrize("history", BAD.values(), ids=BAD.keys())
def test_a_bad_history_has_none(porcupine: Porcupine, history: History) -> None:
    """Both say so."""
    assert (ours(history), porcupine.verdict(history)) == (NOT_LINEARIZABLE, NOT_LINEARIZABLE)


def test_of_what_was_drawn_both_say_the_same(porcupine: Porcupine) -> None:
    """Small, with lost calls, and as often without an order as with one."""
    made = [drawn(random.Random(number)) for number in range(DRAWN)]  # noqa: S311 - reproducible on purpose
    verdicts = [ours(history) for history in made]

    assert [history for history, verdict in zip(made, verdicts, strict=True) if porcupine.verdict(history) != verdict] == []
    assert DRAWN / 4 < verdicts.count(LINEARIZABLE) < DRAWN * 3 / 4
    assert sum(any(op.optional for op in history.told) for history in made) > DRAWN / 2


@pytest.mark.parametrize("name", [*SURELY])
def test_a_history_that_is_surely_spoilt_has_no_order(porcupine: Porcupine, histories: list[History], name: str) -> None:
    """Of simulated ones: good as they are, and bad with one thing changed, whoever is asked."""
    worse = [spoilt for number, history in enumerate(histories) if (spoilt := SURELY[name](thinned(history, _draw(number)), _draw(number)))]

    assert [(ours(one), porcupine.verdict(one)) for one in worse] == [(NOT_LINEARIZABLE, NOT_LINEARIZABLE)] * len(worse)
    assert len(worse) > len(histories) / 2


@pytest.mark.parametrize("name", [*PERHAPS])
def test_a_history_that_is_perhaps_spoilt_is_judged_alike(porcupine: Porcupine, histories: list[History], name: str) -> None:
    """Whatever it is."""
    worse = [spoilt for number, history in enumerate(histories) if (spoilt := PERHAPS[name](thinned(history, _draw(number)), _draw(number)))]

    assert [porcupine.verdict(one) for one in worse] == [ours(one) for one in worse]
    assert len(worse) > len(histories) / 2


def test_both_judge_what_a_suite_has_played(porcupine: Porcupine, histories: list[History]) -> None:
    """Nothing is wrong with it; what was judged is counted, and some copies were refused."""
    judges = Judges(porcupine)

    wrong = [what for number, history in enumerate(histories) for what in judges.wrong(history, _draw(number), spoils=1.0)]

    assert wrong == []
    assert (judges.counted["also by Porcupine"], judges.counted["copies spoilt"]) == (len(histories), len(histories))
    assert judges.counted["copies refused by both"] > len(histories) / 4


class Says:
    """A second judge who always says the same."""

    def __init__(self, word: str) -> None:
        self._word = word

    def verdict(self, history: History) -> str:
        return self._word


@pytest.mark.parametrize("word", [NOT_LINEARIZABLE, "gave up"])
def test_a_judge_who_says_otherwise_fails_the_case(word: str) -> None:
    """Also one who has found nothing out."""
    judges = Judges(Says(word))

    assert judges.wrong(GOOD["a plain story"], _draw(1), spoils=0.0) == [f"our checker says {LINEARIZABLE}; Porcupine says {word}"]
    assert judges.counted["also by Porcupine"] == 0


def test_a_judge_who_never_says_no_is_found_out() -> None:
    """By a spoilt copy, and by a history that is bad."""
    judges = Judges(Says(LINEARIZABLE))

    spoilt = [what for number in range(20) for what in judges.wrong(GOOD["a plain story"], _draw(number), spoils=1.0)]
    bad = judges.wrong(BAD["admitted under a halt"], _draw(1), spoils=0.0)

    assert len(spoilt) > 10
    assert all(what.startswith("a spoilt copy (") and what.endswith(f"says {NOT_LINEARIZABLE}; Porcupine says {LINEARIZABLE}") for what in spoilt)
    assert bad[0] == f"our checker says {NOT_LINEARIZABLE}; Porcupine says {LINEARIZABLE}"
    assert bad[1].startswith("fits nowhere: ")


def test_what_both_refuse_is_told_as_such() -> None:
    """And what fits nowhere after it."""
    wrong = Judges(Says(NOT_LINEARIZABLE)).wrong(BAD["admitted under a halt"], _draw(1), spoils=0.0)

    assert wrong[0] == f"both judges say {NOT_LINEARIZABLE}"
    assert wrong[1].startswith("fits nowhere: ")


def test_a_checker_that_gives_up_fails_the_case() -> None:
    """What Porcupine says is told beside it, and counts for nothing alone."""
    judges = Judges(Says(LINEARIZABLE), places_max=1)

    wrong = judges.wrong(GOOD["lost calls of one key"], _draw(1), spoils=0.0)

    assert len(wrong) == 1
    assert wrong[0].startswith("our checker gave up, ")
    assert wrong[0].endswith(f"; Porcupine says {LINEARIZABLE}")
    assert judges.counted["also by Porcupine"] == 0


def test_a_machine_without_go_says_what_is_missing(tmp_path: Path) -> None:
    """In a sentence; one opinion is not taken for two."""
    with pytest.raises(NoPorcupine, match="go-that-is-not-there is not installed"), Porcupine(tmp_path, go="go-that-is-not-there"):
        pass


def test_porcupine_that_ends_has_given_no_verdict(tmp_path: Path) -> None:
    """Told of a call that ends before it begins, it says so and ends."""
    impossible = of({}, at(2, 1, look("K", "", "")))

    with Porcupine(tmp_path) as asked, pytest.raises(NoPorcupine, match="an operation ends before it begins"):
        asked.verdict(impossible)


def _draw(number: int) -> random.Random:
    return random.Random(number)  # noqa: S311 - reproducible on purpose
