"""What we need from the world, as Protocols. Implementers live in `adapters/`; each sits the exam in `tests/contract/`."""
