"""Becomes OPA, having asked the kernel to kill it when the gateway dies. Run as a file: `python -I launcher.py <gateway pid> <command…>`.

1. The death signal is asked for in the child itself, before OPA's image is loaded: the gateway never runs code between fork and exec.
2. A gateway that died before the question was put is noticed by its pid, and nothing is started.
3. Linux has the death signal; elsewhere OPA is started without it, and a killed gateway leaves it to be stopped by hand.
4. Standard library only: this file is run outside the package.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(gateway_pid: int, command: list[str]) -> None:
    """Replaces this process; returns never, exits with 1 when the gateway is gone or the kernel refuses."""
    if sys.platform == "linux" and ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        sys.exit("the kernel refused a death signal")
    if os.getppid() != gateway_pid:
        sys.exit("the gateway is gone")
    os.execv(command[0], command)  # noqa: S606 -- becoming the command, without a shell, is all this file is for


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
