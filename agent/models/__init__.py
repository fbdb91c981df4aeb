"""Who is asked: one port, an OpenAI-compatible server behind it, and a scripted model for tests."""
