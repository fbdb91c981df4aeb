"""What is said of a benchmark."""

import json
import platform
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import report
from benchmarks.figures import figures
from benchmarks.machine import described
from benchmarks.rounds import Kind
from benchmarks.terms import ROOT
from tests.unit.benchmarks.made import flawless, sample

SETTING = report.Setting(taken_at=datetime(2026, 11, 1, tzinfo=UTC), method={"rounds": 1}, machine=described(), versions={"opa": "1.21.3"}, sync_us=140.4)
FIGURES = figures(
    [
        *(sample(kind, in_flight=in_flight, per_s=per_s) for in_flight in (1, 16) for kind, per_s in ((Kind.FLOOR, 1_000.0), (Kind.GOVERNED, 500.0))),
        *(sample(kind, per_s=per_s) for kind, per_s in ((Kind.FLOOR, 2_000.0), (Kind.BUNCHED, 4_000.0), (Kind.GOVERNED, 1_900.0))),
    ]
)


def document() -> dict[str, object]:
    made: dict[str, object] = json.loads(json.dumps(report.document(FIGURES, flawless(), SETTING)))
    return made


def test_the_document_has_what_readers_rely_on() -> None:
    """Ratios, cost and latencies by calls in flight; machine, versions, method."""
    made = document()

    assert made["ratio"] == {"1": 0.5, "16": 0.5, "64": 0.95}
    assert made["ratio_bunched"] == {"64": 0.475}
    assert made["cpu_us_per_commit"] == {"1": 500, "16": 500, "64": 500}
    assert made["latency_ms"] == {
        "governed": {name: {"p50": 2.0, "p99": 9.0} for name in ("1", "16", "64")},
        "floor": {name: {"p50": 2.0, "p99": 9.0} for name in ("1", "16", "64")},
        "floor_bunched": {"64": {"p50": 2.0, "p99": 9.0}},
    }
    assert {"machine", "versions", "method", "proof", "taken_at"} <= made.keys()


def test_the_document_names_neither_machine_nor_place() -> None:
    """It can be published as it is."""
    text = json.dumps(document())

    assert str(ROOT) not in text
    assert platform.node() not in text
    assert '"/' not in text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"ratio": {"1": 0.25, "64": 1}}', {"1": 0.25, "64": 1.0}),
        (b'{"ratio": {"1": "fast", "16": true, "64": null}}', {}),
        (b'{"ratio": 3}', {}),
        (b"[]", {}),
        (b"not JSON", {}),
        (b"\xff", {}),
    ],
)
def test_earlier_results_are_taken_for_what_they_are(tmp_path: Path, content: bytes, expected: dict[str, float]) -> None:
    """Whatever cannot be read is left out."""
    (tmp_path / "latest.json").write_bytes(content)

    assert report.earlier_ratios(tmp_path / "latest.json") == expected


def test_without_earlier_results_nothing_is_compared(tmp_path: Path) -> None:
    """The first benchmark of a checkout is one too."""
    assert report.earlier_ratios(tmp_path / "latest.json") == {}


def test_the_tables_say_what_is_lost_as_well() -> None:
    """The bunched floor, what was asked for, and how far it has moved."""
    console = Console(width=80)
    with console.capture() as shown:
        report.show(FIGURES, {"64": 1.0}, SETTING, console)
    text = shown.get()

    assert "1.00 (-5 %)" in text
    assert "≥ 0.85" in text
    assert "bunched" in text
    assert "140 µs" in text
    assert "…" not in text.replace(" … ", "")
    assert max(len(line) for line in text.splitlines()) <= 80
