"""Fault: we could not find out. Refusals are values (`reasons`), bugs are assertions; only this third thing is an exception.

1. Before T1 a fault becomes UNAVAILABLE with our ErrorInfo: definitely not forwarded, same key safe.
2. After T1 it becomes the outcome UNKNOWN, and the keeper goes on recording. Never an allow.
3. An adapter translates its library's errors into one of these, in one context manager.
"""


class Fault(Exception):
    """`detail` is for a person: what was tried and what came; never a payload, a prompt or a secret."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class StoreFault(Fault):
    """The store did not answer, or answered that it could not."""


class StorageLow(StoreFault):
    """Below the free-disk reserve that T2 needs; no T1 is taken."""


class StoreAmbiguous(StoreFault):
    """The store may or may not have made the transaction durable."""


class PolicyFault(Fault):
    """No verdict: the engine is down, slow, or its answer belongs to another question."""


class HostFault(Fault):
    """A host adapter could not even observe. Raised only before a byte can have left."""


class AgentFault(Fault):
    """The agent's machinery broke (not the model: a model's fault is a stop)."""
