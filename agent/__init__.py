"""The bounded agent: it thinks, it has no hands."""
