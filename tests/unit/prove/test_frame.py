"""The frame of `make prove`: what does not run fails, a failing case is named, and the page has the shape of the table."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.prove import page
from tests.prove.one import run, written
from tests.prove.running import Asked, Ran, run_all
from tests.prove.suite import Assignment, Failure, Report, Size, each, evenly, together
from tests.prove.table import ALL, TABLE, Row


def row(*, volume: int = ALL, runs: str | tuple[str, ...] = "tests.unit.prove.planted", parts: int = 1) -> Row:
    return Row(name="planted", guarantee="g", runs=runs, counts="cases", quick=volume, full=volume, soak=volume, holds="I1", parts=parts)


def given(folder: Path, *, volume: int = 0, only: str = "", part: int = 0, parts: int = 1) -> Assignment:
    return Assignment(volume=volume, seed=1, only=only, folder=folder, told=lambda _: None, part=part, parts=parts)


def test_a_suite_that_runs_its_cases_passes(tmp_path: Path) -> None:
    """Three cases asked for, three run."""
    report = run(row(volume=3), given(tmp_path, volume=3))

    assert report == Report(volume=3, failures=())


def test_a_suite_that_runs_fewer_cases_than_asked_fails(tmp_path: Path) -> None:
    """Four cases asked for, three run: the fourth is not proved."""
    report = run(row(volume=4), given(tmp_path, volume=4))

    assert [failure.what for failure in report.failures] == ["3 cases of 4 ran: nothing is proved by the others"]


def test_a_case_that_fails_is_named(tmp_path: Path) -> None:
    """By the name that runs it again."""
    report = run(row(), given(tmp_path, only="fails"))

    assert report.failures == (Failure(case="fails", what="fails was seen"),)


@pytest.mark.parametrize(("only", "said"), [("absent.py", "pytest ended with 4 after 0 tests"), ("tests/prove", "pytest ended with 5 after 0 tests")])
def test_test_files_without_tests_fail(tmp_path: Path, only: str, said: str) -> None:
    """A file that is gone, or holds nothing, proves nothing."""
    report = run(row(runs=("unused.py",)), given(tmp_path, only=only))

    assert [failure.what for failure in report.failures] in ([said], ["pytest wrote no report"])


async def test_a_suite_that_ends_without_a_report_fails() -> None:
    """Whatever killed it; here a name the child does not know stands for any death before the report."""
    asked = Asked(size=Size.QUICK, seed=1, only="", jobs=1, told=lambda _row, _what: None)

    [ran] = await run_all([row()], asked)

    assert [failure.what for failure in ran.report.failures] == ["planted ended with 2 and no report"]


def test_parts_share_the_cases(tmp_path: Path) -> None:
    """Each case is in one part, and what the parts found is one report."""
    parts = [each(given(tmp_path, volume=5, part=part, parts=2), "abcde", lambda case: f"{case} was seen") for part in range(2)]

    whole = together(parts)
    assert [[failure.case for failure in part.failures] for part in (*parts, whole)] == [[*"ace"], [*"bd"], [*"acebd"]]
    assert whole.volume == 5


def test_a_part_that_runs_fewer_cases_than_its_own_fails(tmp_path: Path) -> None:
    """Of nine cases five are the first part's, and it has but two of the three there are."""
    report = run(row(volume=9), given(tmp_path, volume=9, part=0, parts=2))

    assert [failure.what for failure in report.failures] == ["2 cases of 5 ran: nothing is proved by the others"]


def test_what_was_counted_is_added_up_and_what_is_true_of_all_is_said_once() -> None:
    """A remark of a suite in parts reads as that of one."""
    parts = [Report(volume=1, failures=(), note="at 9 moments", counted={"torn": count}) for count in (3, 4)]

    assert together(parts).remark == "at 9 moments; 7 torn"


def test_what_a_suite_counts_in_a_counter_reaches_the_frame() -> None:
    """Under the names it has there."""
    counted = json.loads(json.dumps(written(Report(volume=1, failures=(), counted=Counter(torn=2)))))["counted"]

    assert counted == {"torn": 2}


def test_the_page_keeps_what_was_found_and_says_what_was_not() -> None:
    """Shape from the table, figures from runs."""
    ran = Ran(row=TABLE[0], report=Report(volume=7, failures=(), note="3 torn"), took_s=1.0, said=())

    text = page.rendered(TABLE, page.found_by([ran]))

    assert page.found_in(text)[TABLE[0].name] == page.Found(f"7 {TABLE[0].counts}; 3 torn", "passed")
    assert page.found_in(text)[TABLE[1].name] == page.Found(page.NOT_RUN, page.NOT_RUN)
    assert text == page.rendered(TABLE, page.found_in(text))


def test_a_page_without_a_row_is_stale() -> None:
    """A row that was added shows."""
    text = page.rendered(TABLE[:-1], {})

    assert text != page.rendered(TABLE, page.found_in(text))


def test_every_row_has_a_name_of_its_own_and_something_to_run() -> None:
    """What is named exists."""
    root = Path(__file__).resolve().parents[3]

    assert len({one.name for one in TABLE}) == len(TABLE)
    assert [path for one in TABLE for path in one.where.split(" ") if not (root / path).exists()] == []


def test_cases_are_spread_from_first_to_last() -> None:
    """A small volume still sees the whole."""
    assert evenly(range(100), 4) == [0, 33, 66, 99]
    assert evenly(range(3), 10) == [0, 1, 2]
