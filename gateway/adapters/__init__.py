"""Who answers: one implementation of a port per folder or file. Adapters do not know each other."""
