"""Examples of workflows under Countersign, each with the host system it writes to."""
