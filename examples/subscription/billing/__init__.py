"""The billing service of the example: a host system with its own process, its own database and no idea of Countersign."""
