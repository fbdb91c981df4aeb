"""Where transcripts are kept that a step asks to keep: apart from the ledger, redacted before they come here, erased by whoever owns the place."""

from typing import Protocol


class Transcripts(Protocol):
    async def keep(self, decision_id: str, document: bytes) -> None:
        """Never raises for a place that cannot take it: the decision and its digest stand without the words, and the adapter tells its log."""
        ...
