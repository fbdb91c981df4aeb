"""The machine's clocks and ids."""

import re
import time

from gateway.adapters.system import SystemClock, SystemIds


def test_the_wall_clock_is_unix_milliseconds() -> None:
    """UTC, as the machine says."""
    before_s = time.time()
    now_ms = SystemClock().now_ms()

    assert before_s - 0.002 <= now_ms / 1000 <= time.time() + 0.002


def test_the_boot_clock_never_goes_back() -> None:
    """Seconds since the machine started, sleep included."""
    clock = SystemClock()
    seen = [clock.boot_s() for _ in range(100)]

    assert seen == sorted(seen)
    assert abs(seen[-1] - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1.0


def test_ids_are_fresh_url_safe_and_sort_by_their_time() -> None:
    """44 characters: 48 bits of time and 128 random ones."""
    ids = SystemIds()
    made = [ids.fresh() for _ in range(10_000)]

    assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"[0-9a-f]{44}", one) for one in made)
    assert [one[:12] for one in made] == sorted(one[:12] for one in made)
    assert len({one[12:] for one in made}) == len(made)
