"""The bounded agent: it thinks, it has no hands. It reads, counts before it acts, and names one option or none."""
