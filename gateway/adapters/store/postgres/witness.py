"""What a gateway remembers outside the database: which store it wrote to, and how far. A store that has gone backwards since does not get past it.

1. A file beside the gateway names the store, the boot and the newest transaction that was acknowledged. It may be a second old, never ahead.
2. At the next start the store has to know that boot and that transaction. If it does not, it is another store, or an older state of this one:
   a backup restored, a failover that lost something. Nothing is admitted until an operator has looked and taken the file away.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from gateway.adapters.store.trouble import StoreRefused

_EVERY_S: Final = 1.0
_BYTES_MAX: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The newest acknowledged transaction of a boot."""

    store_id: str
    boot_id: str
    batch: int


class Witness:
    """Notes, at most once a second, what has been acknowledged. `path` None: notes nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._noted_at_s = float("-inf")
        self._latest: Seen | None = None

    def note(self, seen: Seen, *, now_s: float) -> None:
        self._latest = seen
        if now_s - self._noted_at_s >= _EVERY_S:
            self._noted_at_s = now_s
            self.write()

    def write(self) -> None:
        """Whole or not at all. A disk that takes no more leaves an older word standing, which is no less true."""
        if self._path is None or self._latest is None:
            return
        beside = self._path.with_name(self._path.name + ".new")
        try:
            beside.write_text(json.dumps(asdict(self._latest)) + "\n", encoding="ascii")
            beside.replace(self._path)
        except OSError:
            pass


def seen_before(path: Path | None) -> Seen | None:
    """What the file says; None where there is none. Makes its folder. Raises StoreRefused."""
    if path is None:
        return None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK):
            raise StoreRefused(f"the witness {path} cannot be written; name a file in a folder this user can write.")
        with path.open("rb") as file:
            found = json.loads(file.read(_BYTES_MAX))
        return Seen(store_id=str(found["store_id"]), boot_id=str(found["boot_id"]), batch=int(found["batch"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        raise StoreRefused(
            f"the witness {path} cannot be read ({type(wrong).__name__}); look at it, and take it away if the store is the right one."
        ) from wrong


def why_backwards(seen: Seen | None, *, store_id: str, batch: int | None, path: Path | None) -> str:
    """Why this store is not what was written to before, and what to do; "" when it is. `batch` is what the store knows of that boot."""
    if seen is None:
        return ""
    if seen.store_id != store_id:
        what = f"this is store {store_id}, and this gateway wrote to store {seen.store_id} before"
    elif batch is None or batch < seen.batch:
        what = f"the store knows {batch or 0} transactions of boot {seen.boot_id}, and {seen.batch} were acknowledged: it has gone backwards"
    else:
        return ""
    return (
        f"{what}. Was a backup restored, or the database failed over to a standby that had not everything? What is missing may have been sent to hosts. "
        f"When that has been looked at, remove {path} to go on with this store."
    )
