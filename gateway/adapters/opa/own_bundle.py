"""The gateway's own bundle: the wrapper that asks many questions in one request, and the authorization of the engine's API.

1. Its roots are the two an author's bundle can never have, so neither can replace the other.
2. It travels inside this package and is laid beside the author's snapshot, for checking and for serving alike.
"""

from importlib.resources import files
from pathlib import Path
from typing import Final

from gateway.adapters.opa.snapshot import lay
from gateway.ports.policy import Entrypoint

ROOTS: Final = ("countersign_gateway", "system")
REVISION: Final = "countersign-gateway-1"
_NAMES: Final = ("authz.rego", "wrapper.rego")

# Entrypoint → the rule of the wrapper that asks it.
WRAPPED: Final = {Entrypoint.COMMIT: "commit", Entrypoint.DECIDE: "decide"}


def lay_own(folder: Path) -> None:
    """Write the bundle into `folder`."""
    bundle = files("gateway.adapters.opa") / "bundle"
    lay([(name, (bundle / name).read_bytes()) for name in _NAMES], folder, roots=ROOTS, revision=REVISION)
