"""The OPA the tests run with: PATH, or the project's own tools folder."""

import os
from functools import cache
from pathlib import Path

from gateway.adapters.opa.install import Places, find


@cache
def opa_binary() -> Path:
    return find(Places(explicit=None, search_path=os.environ["PATH"], folder=Path(".tools/bin"))).binary
