"""Every durable change, one class each: it names the rows it needs and decides over them, purely. A store only loads, calls and writes back."""
