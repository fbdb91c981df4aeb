"""What is true. Pure: no await, no clock, no third party, no I/O. Everything else in the house depends on this room; it depends on nothing."""
