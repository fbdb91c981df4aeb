"""What a benchmark says: one JSON document, tables for a person, and how far it has moved since the last one.

1. The document names neither the machine nor a place on it.
2. What is lost is shown beside what is won: the bunched floor, how busy each core was, the lowest and highest ratio of the rounds.
3. Earlier results are read as somebody else's: whatever is not there, or is no number, is left out.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, Side
from benchmarks.proof import Evidence

BAR: Final = {1: 0.40, 16: 0.70, 64: 0.85}  # what the project asks of itself: governed ÷ floor


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Under what the figures were taken."""

    taken_at: datetime
    method: Mapping[str, object]
    machine: Mapping[str, str | int]
    versions: Mapping[str, str]
    sync_us: float


def document(figures: Sequence[Figure], evidence: Evidence, setting: Setting) -> dict[str, object]:
    """The JSON document."""
    bunched = {str(one.in_flight): one.bunched for one in figures if one.bunched}
    sides = {
        "governed": {str(one.in_flight): one.governed for one in figures},
        "floor": {str(one.in_flight): one.floor for one in figures},
        "floor_bunched": bunched,
    }
    return {
        "ratio": {str(one.in_flight): round(one.ratio.median, 3) for one in figures},
        "ratio_bunched": {str(one.in_flight): round(one.ratio_bunched.median, 3) for one in figures if one.ratio_bunched},
        "ratio_range": {str(one.in_flight): [round(one.ratio.lowest, 3), round(one.ratio.highest, 3)] for one in figures},
        "cpu_us_per_commit": {str(one.in_flight): round(one.governed.cpu_us) for one in figures},
        "cpu_us_per_floor_call": {str(one.in_flight): round(one.floor.cpu_us) for one in figures},
        "cpu_us_per_bunched_floor_call": {name: round(side.cpu_us) for name, side in bunched.items()},
        "opa_cpu_us_per_commit": {str(one.in_flight): round(one.governed.opa_cpu_us) for one in figures},
        "latency_ms": {kind: {name: {"p50": round(side.p50_ms, 2), "p99": round(side.p99_ms, 2)} for name, side in of.items()} for kind, of in sides.items()},
        "throughput_per_s": {kind: {name: round(side.per_s) for name, side in of.items()} for kind, of in sides.items()},
        "busy": {kind: {name: _busy(side) for name, side in of.items()} for kind, of in sides.items()},
        "proof": asdict(evidence),
        "machine": dict(setting.machine),
        "sync_us": round(setting.sync_us),
        "versions": dict(setting.versions),
        "method": dict(setting.method),
        "taken_at": setting.taken_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip


def _busy(side: Side) -> dict[str, float]:
    """Shares of a core."""
    return {"server": round(side.server_busy, 2), "others": round(side.others_busy, 2)}


def earlier_ratios(file: Path) -> Mapping[str, float]:
    """The ratios of an earlier document, by calls in flight; empty when there is none that can be read."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    ratios = found.get("ratio") if isinstance(found, dict) else None
    if not isinstance(ratios, dict):
        return {}
    return {name: float(value) for name, value in ratios.items() if isinstance(value, int | float) and not isinstance(value, bool)}


def show(figures: Sequence[Figure], earlier: Mapping[str, float], setting: Setting, console: Console) -> None:
    """Fits a terminal of 80 columns."""
    console.print(_ratios(figures, earlier))
    console.print(_sides(figures))
    console.print("CPU: of the server a call. core: how busy the server kept its core; other: client, host and OPA theirs.", style="dim")
    console.print(f"One append and its sync take {setting.sync_us:.0f} µs on this disk; a commit waits for two.", style="dim")


def _ratios(figures: Sequence[Figure], earlier: Mapping[str, float]) -> Table:
    table = _table("Governed durable commits ÷ bare pass-through", "at once", "ratio", "of rounds", "asked for", "last time", "÷ bunched")
    for one in figures:
        bar, then = BAR.get(one.in_flight), earlier.get(str(one.in_flight))
        style = "bold" if bar is None else "bold green" if one.ratio.median >= bar else "bold yellow"
        table.add_row(
            str(one.in_flight), f"[{style}]{one.ratio.median:.2f}[/]", f"{one.ratio.lowest:.2f} … {one.ratio.highest:.2f}",
            "" if bar is None else f"≥ {bar:.2f}", _since(one.ratio.median, then), f"{one.ratio_bunched.median:.2f}" if one.ratio_bunched else "",
        )  # fmt: skip
    return table


def _since(now: float, then: float | None) -> str:
    return "" if not then else f"{then:.2f} ({(now / then - 1) * 100:+.0f} %)"


def _sides(figures: Sequence[Figure]) -> Table:
    table = _table("Each side", "at once", "server", "calls/s", "p50 ms", "p99 ms", "CPU µs", "OPA µs", "core", "other")
    for one in figures:
        for name, side in (("floor", one.floor), ("bunched", one.bunched), ("governed", one.governed)):
            if side is not None:
                table.add_row(str(one.in_flight), name, *_cells(side))
        table.add_section()
    return table


def _cells(side: Side) -> tuple[str, ...]:
    times = (f"{side.p50_ms:.2f}", f"{side.p99_ms:.2f}", f"{side.cpu_us:.0f}", f"{side.opa_cpu_us:.0f}")
    return (f"{side.per_s:.0f}", *times, f"{side.server_busy:.0%}", f"{side.others_busy:.0%}")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in columns:
        table.add_column(name, justify="left" if name == "server" else "right", no_wrap=True)
    return table
