"""What governing costs, as a ratio in one run: `python -m benchmarks`."""
