"""Which items of a catalogue are learnt from, which tell when to stop, and which are measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whyalike.errors import OptionError
from whyalike.training.negatives import number_texts


@dataclass(frozen=True, slots=True)
class Split:
    """Places of the items, ascending. No title or description of one part stands in another."""

    train: tuple[int, ...]
    watched: tuple[int, ...]
    held_out: tuple[int, ...]


def split_pairs(
    pairs: Sequence[tuple[str, str]], *, held_out: float, watched: float, seed: int
) -> Split:
    """Return which pairs to train on; those with equal titles or descriptions stay together.

    Args:
        pairs: title and description of each item.
        held_out: the share of items to report on.
        watched: the share of items that tell when to stop, and so can't be reported on.
        seed: of the draw.

    Raises:
        OptionError: fewer than two items are left to train on.
    """
    groups = _groups_of_equal_texts(pairs)
    parts: list[list[int]] = [[], []]
    wanted = [round(held_out * len(pairs)), round(watched * len(pairs))]
    for number in np.random.default_rng([seed, len(pairs)]).permutation(len(groups)):
        for part, size in zip(parts, wanted, strict=True):
            # A large group of equal titles ("Ring") would overshoot: it is learnt from instead.
            if len(part) + len(groups[number]) <= size:
                part.extend(groups[number])
                break
    kept = {*parts[0], *parts[1]}
    train = tuple(index for index in range(len(pairs)) if index not in kept)
    if len(train) < 2:
        raise OptionError(
            f"{len(pairs)} items with a title and a description leave {len(train)} to train on: "
            "give a larger catalogue, or hold out less (held_out, --held-out)."
        )
    return Split(train, tuple(sorted(parts[1])), tuple(sorted(parts[0])))


def _groups_of_equal_texts(pairs: Sequence[tuple[str, str]]) -> list[list[int]]:
    """Return the items joined by equal texts, in order of their first item."""
    parents = list(range(len(pairs)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for side in (0, 1):
        first: dict[int, int] = {}
        for index, number in enumerate(number_texts([pair[side] for pair in pairs]).tolist()):
            parents[root(index)] = root(first.setdefault(number, index))
    groups: dict[int, list[int]] = {}
    for index in range(len(pairs)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())
