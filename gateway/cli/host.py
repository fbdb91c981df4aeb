"""host check: what a target may honestly declare. The kit for a host team, against their staging service."""

import asyncio
import json as json_library
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.exits import Ends, end
from gateway.cli.line import Json
from gateway.cli.screen import plain, say, show_json, show_table
from gateway.config import RefusedToStart, Settings, SettingsRefused, load
from gateway.config.targets import Target
from gateway.domain.host_promises import Kept, Report
from gateway.domain.limits import PAYLOAD_BYTES_MAX
from gateway.service.host_check import Sample

_WORDS = {
    Kept.YES: "kept this time",
    Kept.NO: "not kept",
    Kept.ASK: "ask whoever knows the service",
    Kept.UNSEEN: "not seen",
}

app = typer.Typer(no_args_is_help=True, help="Host systems that writes go to.")


@app.callback()
def hosts() -> None:
    """Host systems that writes go to."""


@app.command(epilog="Example: countersign host check billing --settings settings.yaml --path /accounts/acme/subscriptions --payload order.json")
def check(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Its name in the settings.")],
    settings: Annotated[Path, typer.Option("--settings", metavar="FILE", help="The settings that name it.")],
    payload: Annotated[Path, typer.Option("--payload", metavar="FILE", help="A write that the service takes, as JSON. It is made several times.")],
    path: Annotated[str, typer.Option("--path", metavar="PATH", help="Of an HTTP target: where the write goes.")] = "",
    method: Annotated[str, typer.Option("--method", metavar="METHOD", help="Of an HTTP target: POST, PUT, PATCH or DELETE.")] = "POST",
    action: Annotated[str, typer.Option("--action", metavar="NAME", help="The action a gRPC target is told.")] = "check",
    refused_payload: Annotated[Path | None, typer.Option("--refused-payload", metavar="FILE", help="A write that it refuses; {} unless named.")] = None,
    query_path: Annotated[str, typer.Option("--query-path", metavar="PATH", help="Of an HTTP target that declares no query: where to ask, with {key}.")] = "",
    idle: Annotated[float, typer.Option("--idle", metavar="SECONDS", min=0, max=120, help="Leave a connection alone this long; at most idle_max.")] = 5.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing to the service.")] = False,
    json: Json = False,
) -> None:
    """Ask a staging service what the gateway depends on, and say what its target may declare: mode, Not-After, refusals, times.

    It writes to the service, several times, each under a key that is told. Never point it at production.
    """
    declared = _target(settings, target)
    if declared[1].kind == "http" and not path.startswith("/"):
        end(Ends.INPUT, "no path is given", "Write where the write goes, like --path /accounts/acme/subscriptions.")
    sample = Sample(
        action=action, method=method, path=path or "/", payload=_payload(payload), refused_payload=_payload(refused_payload) if refused_payload else b"{}"
    )
    if not yes and not typer.confirm(f"This writes to {plain(declared[1].base_url)}, up to nine times. Is it a staging service?"):
        end(Ends.NO, "nothing was sent")
    report = _run(target, declared[1], sample, query_path, idle)
    if json:
        show_json(report)
    else:
        _tell(report)
    if report.is_wrong:
        raise typer.Exit(int(Ends.NO))


def _target(settings: Path, name: str) -> tuple[Settings, Target]:
    try:
        declared = load(settings)
    except SettingsRefused as refused:
        end(Ends.INPUT, str(refused))
    if name not in declared.targets:
        end(Ends.INPUT, f"the settings name no target {plain(name)}", f"They name: {', '.join(declared.targets) or 'none'}.")
    return declared, declared.targets[name]


def _payload(file: Path) -> bytes:
    try:
        found = file.read_bytes()
        json_library.loads(found)
    except OSError as failed:
        end(Ends.INPUT, f"{file} cannot be read: {failed.strerror}")
    except ValueError as wrong:
        end(Ends.INPUT, f"{file} is no JSON: {wrong}")
    if len(found) > PAYLOAD_BYTES_MAX:
        end(Ends.INPUT, f"{file} is over {PAYLOAD_BYTES_MAX} bytes")
    return found


def _run(name: str, target: Target, sample: Sample, query_path: str, idle_s: float) -> Report:
    from gateway.app import hosts_checked  # noqa: PLC0415 - the clients are only loaded when they are used

    try:
        return asyncio.run(hosts_checked.check(name, target, sample, query_path=query_path, idle_s=idle_s))
    except RefusedToStart as refused:
        end(Ends.INPUT, refused.what, refused.write)


def _tell(report: Report) -> None:
    rows = [(one.question, one.seen, " ".join(one.keys)) for one in report.seen]
    show_table(("asked", "seen", "key"), rows, nothing="Nothing was asked.")
    if not report.reached:
        say("Nothing can be said of this target: the first write did not succeed.")
        return
    say("")
    told = [(one.promise.value, _WORDS[one.kept], "declared" if one.declared else "-", "WRONG" if one.is_wrong else "") for one in report.advice]
    show_table(("promise", "was", "settings", ""), told, nothing="")
    say("")
    say("Count the effects under each key above: a key with two effects is not deduplicated, whatever was answered.")
