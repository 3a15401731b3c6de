"""Results that were made before, the longest unused forgotten when they take too many bytes."""

import threading
from collections import OrderedDict
from collections.abc import Hashable

OVERHEAD = 400
"""Bytes that an entry takes besides its content: the key, its digest, the table."""


class KeptResults:
    """Bytes by key, ``most_bytes`` of them together; 0 keeps nothing. Threads may share it."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = self.hits = self.misses = 0
        self._content: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._content)

    def __contains__(self, key: Hashable) -> bool:
        """Return whether there is a result; it counts as no use of it."""
        return key in self._content

    def get(self, key: Hashable) -> bytes | None:
        """Return what was kept, or None; count which of both."""
        with self._lock:
            content = self._content.get(key)
            if content is None:
                self.misses += 1
                return None
            self.hits += 1
            self._content.move_to_end(key)
            return content

    def put(self, key: Hashable, content: bytes) -> None:
        """Keep a result, unless it alone is larger than all that may be kept."""
        size = len(content) + OVERHEAD
        with self._lock:
            old = self._content.pop(key, None)
            if old is not None:
                self.bytes -= len(old) + OVERHEAD
            if size > self.most_bytes:
                return
            self._content[key] = content
            self.bytes += size
            while self.bytes > self.most_bytes:
                _, forgotten = self._content.popitem(last=False)
                self.bytes -= len(forgotten) + OVERHEAD
