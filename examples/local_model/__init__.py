"""A model that needs no network: a tiny real one, and a scripted one that says what a file tells it to."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read once, when OpenMP is loaded: see `__main__`
