"""The `countersign` command: a thin doorway. One file for each group of commands; what they promise is elsewhere."""
