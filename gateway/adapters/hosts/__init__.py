"""Hosts: the wire clients a write goes out through. At most one attempt of a request is ever written, and it is always known whether a byte may have left."""
