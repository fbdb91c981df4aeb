"""One class a service, one method an RPC: decode, call the story, encode. A refusal is returned, not raised."""
