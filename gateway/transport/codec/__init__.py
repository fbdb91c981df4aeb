"""Wire to domain and back, both ways, pure. A message that cannot be read becomes a refusal that says which field, and why."""
