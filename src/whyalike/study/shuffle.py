"""Orders drawn by SHA-256: a study lasts for weeks, and its plans must outlive any upgrade."""

from collections.abc import Sequence
from hashlib import sha256
from typing import TypeVar

Thing = TypeVar("Thing")


class Shuffle:
    """Numbers and orders of a seed, the same in every release of Python and NumPy."""

    def __init__(self, seed: str) -> None:
        self.seed = seed

    def part(self, what: str) -> float:
        """Return a number from 0 up to 1, another for each ``what``."""
        digest = sha256(f"{self.seed}/{what}".encode()).digest()
        return int.from_bytes(digest[:6]) / 2**48

    def order(self, things: Sequence[Thing], what: str) -> list[Thing]:
        """Return the things in an order of their own for ``what``."""
        keys = [self.part(f"{what}/{n}") for n in range(len(things))]
        return [things[n] for n in sorted(range(len(things)), key=keys.__getitem__)]
