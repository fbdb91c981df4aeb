"""What a person sees, and what a program reads. Nothing a model, a host or a workflow wrote can steer a terminal.

1. Every text from elsewhere goes through `plain`: control characters, escapes and direction marks are shown, never sent; length is bounded.
2. Markup is off: a rationale that says `[bold]` says just that.
3. `--json` is one JSON document in ASCII on standard output, with the names of the API.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_CHARS_MAX: Final = 2_000
_WIDTH_UNKNOWN: Final = 80  # what rich takes when neither a terminal nor COLUMNS says
_WIDTH_OF_A_PIPE: Final = 160
_AS_HEX: Final = frozenset({"entry_hash", "fingerprint", "digest", "result_sha256", "transcript_sha256"})
Cell = str | Text


def plain(text: str, *, chars_max: int = _CHARS_MAX) -> str:
    """The text as it can be shown: what is not printable is escaped, what is too long is cut."""
    cut = text if len(text) <= chars_max else f"{text[:chars_max]}…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape", errors="surrogatepass").decode() for char in cut)


def console(*, error: bool = False) -> Console:
    made = Console(stderr=error, markup=False, highlight=False, emoji=False)
    if not made.is_terminal and made.width == _WIDTH_UNKNOWN:
        made.width = _WIDTH_OF_A_PIPE
    return made


def say(text: Cell) -> None:
    """One paragraph on standard output. A `str` is trusted: whatever of it is not ours has been through `plain`."""
    console().print(text if isinstance(text, Text) else Text(text), soft_wrap=True)


def complain(what: str, write: str = "") -> None:
    """What is wrong, and what to do, on standard error."""
    lines = "\n".join(plain(line) for line in f"{what}\n{write}".strip().splitlines())
    console(error=True).print(Text(lines, style="red" if not write else ""), soft_wrap=True)


def show_json(value: object) -> None:
    typer.echo(json.dumps(as_json(value), indent=2, ensure_ascii=True))


def as_json(value: object, name: str = "") -> object:
    """Dataclasses by field (without the wire message), times in ISO 8601, spans in seconds, digests in hexadecimal, other bytes as text."""
    match value:
        case Enum():
            return value.value
        case bytes():
            return value.hex() if name in _AS_HEX else value.decode("utf-8", errors="backslashreplace")
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case timedelta():
            return f"{value.total_seconds():.3f}s"
        case Mapping():
            return {str(key): as_json(inner, str(key)) for key, inner in value.items()}
        case list() | tuple() | frozenset():
            return [as_json(inner, name) for inner in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {one.name: as_json(getattr(value, one.name), one.name) for one in fields(value) if one.name != "raw"}
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, nothing: str) -> None:
    """A table, or the sentence for when there is nothing to show."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    empty = True
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row))
        empty = False
    if empty:
        say(nothing)
    else:
        console().print(table)


def moment(at: datetime | None) -> str:
    """`2026-11-22 17:00:01.250 UTC`, or a dash."""
    return "-" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC"


def money(micros: int, currency: str) -> str:
    """`99.00 USD`, `0.0005 USD`: micros as decimals, without a float on the way."""
    whole, rest = divmod(abs(micros), 1_000_000)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{whole:,}.{decimals} {plain(currency, chars_max=8)}"


def amount(quantity: int, currency: str) -> str:
    """Money in its currency; a count as it is."""
    return money(quantity, currency) if currency else f"{quantity:,}"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
