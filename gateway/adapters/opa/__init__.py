"""The policy engine, answered by OPA: found or installed, given a checked snapshot, supervised, and asked in gathered questions."""
