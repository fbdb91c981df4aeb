"""A model that needs no network: a tiny real one, and a scripted one that says what a file tells it to."""
