"""A rehearsal and an assessment, for a person. What models and tools wrote is shown as data, escaped and cut."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.text import Text

from gateway.cli.screen import counted, money, plain, say, show_table
from gateway.domain.boundary import StepLimits
from gateway.domain.handoffs import Concluded
from gateway.domain.measures import Mean, Share
from gateway.service.assess import Assessed, Compared, Played

_SHOWN_CHARS_MAX: Final = 6_000


class Screen:
    """Hears a transcript and shows it as it comes; the schema only when it is another than before."""

    def __init__(self, *, quiet: bool) -> None:
        self.parts: list[dict[str, str]] = []
        self._quiet = quiet
        self._asked = 0
        self._shown = 0
        self._schema: object = None

    def hear(self, label: str, content: bytes) -> None:
        self.parts.append({"label": label, "text": content.decode("utf-8", "replace")})
        if self._quiet:
            return
        match label:
            case "ballot":
                self._asked = self._shown = 0
                _heading(f"ballot {content.decode()}")
            case "asked":
                self._ask(*json.loads(content))
            case "answered":
                _heading("answer")
                _block(_answer(content))
            case "faulted":
                _heading("fault")
                _block(content.decode("utf-8", "replace"))
            case "returned":
                tool, note, ok = json.JSONDecoder().raw_decode(content.decode())[0]
                _heading(f"read {tool}{'' if ok else ' failed'}{f': {note}' if note else ''}")
            case "result":
                _block(content.decode("utf-8", "replace"))
            case _:
                pass

    def _ask(self, model: str, tokens_max: int, messages: list[dict[str, str]], schema: object) -> None:
        self._asked += 1
        _heading(f"question {self._asked} to {model}, at most {counted(tokens_max, 'token')} back")
        for message in messages[self._shown :]:
            say(Text(f"{message['role']}:", style="bold"))
            _block(message["content"])
        self._shown = len(messages)
        if schema != self._schema:
            self._schema = schema
            say(Text("schema:", style="bold"))
            _block(json.dumps(schema, ensure_ascii=False))


def _heading(text: str) -> None:
    say(Text(f"── {plain(text)}", style="bold cyan"))


def _block(text: str) -> None:
    cut = text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}…"
    for line in cut.splitlines() or [""]:
        say(Text(f"  {plain(line, chars_max=_SHOWN_CHARS_MAX)}"))


def _answer(body: bytes) -> str:
    """What it said and what it says it used, where that is to be seen; else the body."""
    try:
        envelope: Any = json.loads(body)
        message = envelope["choices"][0]["message"]
        said = message.get("content") or message.get("refusal") or ""
        return f"{said}\nusage: {json.dumps(envelope.get('usage'))}, finished: {envelope['choices'][0].get('finish_reason')}"
    except (ValueError, LookupError, TypeError, AttributeError):
        return body.decode("utf-8", "replace")


def show_concluded(concluded: Concluded, limits: StepLimits) -> None:
    """What came of it, each model call, and how near the limits it was."""
    usage = concluded.usage
    calls = [
        (
            str(number), str(call.ballot), call.model, call.outcome.value, call.option or call.detail, f"{call.tokens_in:,} + {call.tokens_out:,}",
            money(call.spend_micros, limits.spend_currency), f"{call.wall_ms / 1000:.1f} s",
        )
        for number, call in enumerate(usage.calls, 1)
    ]  # fmt: skip
    say("")
    show_table(("call", "ballot", "model", "came to", "", "tokens", "cost", "took"), calls, nothing="No model was asked.")
    say("")
    named = f"{plain(concluded.option)} ({concluded.source})" if concluded.option else "no option"
    say(f"{concluded.state}, {concluded.stop}: {named}")
    if concluded.rationale:
        say(f"its words: {plain(concluded.rationale)}")
    if (agreement := usage.agreement) is not None:
        say(f"{agreement.agreeing} of {agreement.votes} ballots agree, {agreement.abstained} for nothing; {agreement.agreement_min} are needed")
    tokens = usage.tokens_in + usage.tokens_out
    spent, most = money(usage.spend_micros, limits.spend_currency), money(limits.spend_micros_max, limits.spend_currency)
    say(
        f"used {usage.steps} of {counted(limits.steps_max, 'step')}, {usage.tool_calls} of {counted(limits.tool_calls_max, 'tool call')}, "
        f"{tokens:,} of {limits.tokens_max:,} tokens, {spent} of {most}, {usage.wall_ms / 1000:.1f} of {limits.wall_ms_max / 1000:.1f} s"
    )
    say("nothing was recorded; the decide policy was not asked")


def played_told(played: Played) -> str:
    what = played.option or f"{played.state} {played.stop}"
    return f"{'right' if played.right else 'wrong'}  {plain(played.case, chars_max=40)}: {plain(what)}, {played.wall_ms / 1000:.1f} s"


def assessments_told(assessed: Sequence[Assessed], compared: Sequence[Compared], *, currency: str) -> None:
    measures: Sequence[tuple[str, Callable[[Assessed], str]]] = (
        ("cases", lambda one: str(len(one.played))),
        ("right", lambda one: _share(one.accuracy)),
        ("right, of those that decided", lambda one: _share(one.precision)),
        ("abstained", lambda one: _share(one.abstained)),
        ("stopped", lambda one: _share(one.stopped)),
        ("took the first listed", lambda one: _share(one.first_listed)),
        ("cost a case", lambda one: _spend(one.spend_micros, currency)),
        ("took a case", lambda one: _wall(one.wall_ms)),
    )
    show_table(("", *(one.variant.name for one in assessed)), ((name, *(read(one) for one in assessed)) for name, read in measures), nothing="")
    say("intervals are 95 %: Wilson for shares, normal for means")
    for one in assessed:
        stops = ", ".join(f"{stop} {number}" for stop, number in sorted(one.stops.items()))
        total = money(one.spend_micros.total, currency) if currency else f"{one.spend_micros.total:,} micros"
        say(f"{plain(one.variant.name)}: {stops}; {one.tokens.total:,} tokens, {total} in all")
    for pair in compared:
        say(
            f"{plain(pair.second)} was right in {counted(pair.only_second_right, 'case')} where {plain(pair.first)} was not, wrong in "
            f"{pair.only_first_right} where it was right; two equal variants differ this much in {pair.by_chance:.0%} of all trials"
        )


def _share(share: Share) -> str:
    return f"{share.value:.1%} ({share.hits}/{share.of}; {share.low:.0%}–{share.high:.0%})" if share.of else "-"


def _spend(spend: Mean, currency: str) -> str:
    half = spend.high - spend.value
    return f"{spend.value:,.0f} ± {half:,.0f} micros {currency}".rstrip()


def _wall(wall: Mean) -> str:
    half = (wall.high - wall.value) / 1000
    return f"{wall.value / 1000:.2f} ± {half:.2f} s, median {wall.median / 1000:.2f}, p95 {wall.p95 / 1000:.2f}"
