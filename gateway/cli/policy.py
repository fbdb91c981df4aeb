"""policy check: are these policies fit to be enforced?"""

from pathlib import Path
from typing import Annotated

import typer

from gateway.adapters.opa.check import Report, check
from gateway.adapters.opa.command import OpaBroken
from gateway.cli.exits import Ends, end
from gateway.cli.line import Json
from gateway.cli.opa import opa_at_hand
from gateway.cli.screen import complain, counted, say, show_json

app = typer.Typer(no_args_is_help=True, help="Rego policies, before a gateway takes them.")
_BOUNDARY = "boundary.yaml"


@app.callback()
def policies() -> None:
    """Rego policies, before a gateway takes them."""


@app.command("check", epilog="Example: countersign policy check examples/subscription/activation")
def check_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of policies, or an activation folder with policies/ in it.")],
    beneath: Annotated[list[Path] | None, typer.Option("--beneath", metavar="FOLDER", help="Policies laid beneath these, lowest first.")] = None,
    json: Json = False,
) -> None:
    """Compile strictly against the input schemas, run the tests with coverage, look at verdicts, codes, data and formatting.

    Beneath an activation folder lies the bundle shipped with the gateway, unless --beneath says otherwise.
    """
    layers = _layers(folder, beneath or [])
    try:
        report = check(layers, opa=opa_at_hand())
    except OpaBroken as broken:
        end(Ends.NO, str(broken), "Run `countersign opa install`.")
    if json:
        show_json(report)
    else:
        _tell(report)
    if report.findings:
        raise typer.Exit(Ends.NO)


def _layers(folder: Path, beneath: list[Path]) -> list[Path]:
    if not folder.is_dir():
        end(Ends.INPUT, f"there is no folder {folder}", "Name the folder of the policies.")
    if not (folder / _BOUNDARY).is_file():
        return [*beneath, folder]
    from gateway.app.parts import SHIPPED_POLICIES  # noqa: PLC0415 - the whole house takes a second to load, and only this needs it

    own = folder / "policies"
    return [*(beneath or [SHIPPED_POLICIES]), *([own] if own.is_dir() else [])]


def _tell(report: Report) -> None:
    for finding in report.findings:
        complain(str(finding))
    tried = f"{counted(report.files, 'file')}, {counted(report.tests, 'test')}, {report.coverage_percent:.1f} % of the rules covered"
    said = f"{tried}, {counted(len(report.codes), 'code')}"
    say(f"{counted(len(report.findings), 'finding')}; {said}" if report.findings else f"fit to be enforced: {said}; digest {report.digest.hex()[:12]}")
