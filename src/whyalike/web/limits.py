"""How often somebody may ask: a token bucket each, kept in memory."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

MOST_KEYS = 10_000


class RateLimiter:
    """``burst`` requests at once and ``rate`` a second thereafter, for each key.

    Of many keys the longest unused are forgotten, so that strangers can't fill the memory.
    """

    def __init__(
        self, *, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate, self.burst, self.clock = rate, burst, clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: Hashable) -> int:
        """Take one from the bucket of ``key``; return 0, or the seconds to wait if it is empty."""
        now = self.clock()
        with self._lock:
            left, since = self._buckets.pop(key, (float(self.burst), now))
            left = min(self.burst, left + (now - since) * self.rate)
            allowed = left >= 1
            self._buckets[key] = (left - 1 if allowed else left, now)
            while len(self._buckets) > MOST_KEYS:
                self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1 - left) / self.rate))
