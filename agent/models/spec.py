"""What a model is, as the operator declares it."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from agent.task import Price

CONCURRENCY_CEILING: Final = 1_000
QUEUE_CEILING: Final = 10_000
WAIT_MS_CEILING: Final = 3_600_000
COMPLETION_TOKENS_CEILING: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model of one OpenAI-compatible server. `base_url` ends where `/chat/completions` begins, e.g. `https://api.example/v1`.

    `greedy` sends temperature 0 and a fixed seed; some reasoning models refuse both. `strict_schema` asks for the server's strict
    mode and leaves out the schema keywords such modes refuse. Raises ValueError that says what to write.
    """

    name: str
    base_url: str
    model: str
    api_key: str | None = field(repr=False)  # already read from its file; None for a server that wants none
    price: Price | None
    concurrency_max: int
    completion_tokens_max: int = 400  # of one answer, hidden reasoning included
    greedy: bool = True
    strict_schema: bool = False
    ca_file: str | None = None  # PEM; None for the system's roots
    queue_max: int = 64  # questions that wait for a turn
    answer_ms_max: int = 60_000  # one question may be out this long
    aside_ms: int = 30_000  # how long a model that failed is left alone while there is another

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError(f"model {self.name}: base_url must be http(s)://host/path without credentials or query, got {self.base_url!r}")
        if self.api_key is not None and not (self.api_key and self.api_key.isascii() and self.api_key.isprintable() and " " not in self.api_key):
            raise ValueError(f"model {self.name}: the API key must be one line of visible ASCII")
        if not 1 <= self.concurrency_max <= CONCURRENCY_CEILING:
            raise ValueError(f"model {self.name}: concurrency_max must be 1 to {CONCURRENCY_CEILING}, got {self.concurrency_max}")
        if not 1 <= self.completion_tokens_max <= COMPLETION_TOKENS_CEILING:
            raise ValueError(f"model {self.name}: completion_tokens_max must be 1 to {COMPLETION_TOKENS_CEILING}, got {self.completion_tokens_max}")
        for name, value, least, most in (
            ("queue_max", self.queue_max, 0, QUEUE_CEILING),
            ("answer_ms_max", self.answer_ms_max, 1, WAIT_MS_CEILING),
            ("aside_ms", self.aside_ms, 0, WAIT_MS_CEILING),
        ):
            if not least <= value <= most:
                raise ValueError(f"model {self.name}: {name} must be {least} to {most}, got {value}")
