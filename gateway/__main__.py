"""`countersign`, and `python -m gateway`.

1. Without assertions this is another program: under `python -O` it does not run.
2. What nobody caught is a bug of ours: it is shown whole, and the exit code says so (70).
"""

import sys
from types import TracebackType


def main() -> None:
    """The entry point of the distribution."""
    if not __debug__:
        sys.stderr.write("countersign: assertions are switched off (python -O, PYTHONOPTIMIZE). They are how it notices its own bugs: run it without.\n")
        raise SystemExit(70)
    sys.excepthook = _bug
    from typer.main import get_command  # noqa: PLC0415 - nothing of ours is loaded before the check above

    from gateway.cli.main import command_line  # noqa: PLC0415 - as above

    get_command(command_line(*sys.argv[1:2]))(prog_name="countersign")


def _bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.__excepthook__(kind, error, trace)
    sys.stderr.write("countersign: this is a bug of ours; please report it with the lines above.\n")
    raise SystemExit(70)


if __name__ == "__main__":
    main()
