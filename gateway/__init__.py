"""The Countersign gateway: the only way a write leaves."""
