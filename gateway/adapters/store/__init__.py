"""The store: SQLite, embedded."""
