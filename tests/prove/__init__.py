"""The suites behind the guarantees, run by `make prove`."""
