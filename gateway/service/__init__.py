"""What we promise, one story a file, read top to bottom. The stages do the work; the keeper owns what outlives its caller."""
