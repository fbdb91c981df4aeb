"""One gateway for one store: an advisory lock on a file beside it, held as long as the process lives.

1. The lock is the kernel's (`flock`): it goes with the process, however that ends. A file that is left behind means nothing.
2. The file names the process that holds it, for the one that is refused.
"""

import fcntl
import os
from pathlib import Path

from gateway.adapters.store.trouble import StoreRefused


class FileLock:
    """A lock taken; `release` gives it back."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @staticmethod
    def take(store: Path) -> "FileLock":
        """Locks `<store>.lock`. Raises StoreRefused when another process has it, or it cannot be made."""
        path = store.with_name(store.name + ".lock")
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreRefused(f"{path} cannot be written ({error.strerror}); the gateway needs to write in the store's folder.") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise StoreRefused(
                f"{store} is in use by the gateway with process id {holder} (it holds {path.name}). One gateway serves one store: "
                "stop that one, or give this one a store of its own."
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, b"%d\n" % os.getpid(), 0)
        return FileLock(handle)

    def release(self) -> None:
        os.close(self._handle)
