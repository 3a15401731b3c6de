"""Which rows of tokens go through a model together."""

from collections.abc import Hashable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

PASS_TOKENS = 160
"""What a pass costs besides its tokens, in tokens (measured on two cores, all-MiniLM-L6-v2)."""


def group_rows(
    lengths: Sequence[int], keys: Sequence[Hashable], *, most_tokens: int
) -> list[list[int]]:
    """Return groups of row indices with equal keys and similar lengths, longest first.

    Rows of one key are cut so that their passes cost least together: of a pass, its tokens with
    their padding, and PASS_TOKENS. No group of more than one row has more than ``most_tokens``
    tokens, padding included. A row of length 0 is in no group: there is nothing for the model to
    read.
    """
    by_key: dict[Hashable, list[int]] = {}
    read = (row for row, length in enumerate(lengths) if length)
    for row in sorted(read, key=lambda row: -lengths[row]):
        by_key.setdefault(keys[row], []).append(row)
    groups = []
    for rows in by_key.values():
        cuts = _cheapest_cuts(np.array([lengths[row] for row in rows]), most_tokens)
        groups += [rows[start:end] for start, end in pairwise(cuts)]
    return groups


def _cheapest_cuts(lengths: NDArray[np.int64], most_tokens: int) -> list[int]:
    """Return where to cut rows of falling lengths, from 0 to their number.

    What the first rows cost at least is the least, over the start of their last group, of what the
    rows before it cost and of that group.
    """
    least, starts = np.zeros(len(lengths) + 1), np.zeros(len(lengths) + 1, dtype=np.int64)
    for end in range(1, len(least)):
        sizes = np.arange(end, 0, -1) * lengths[:end]
        allowed = sizes <= most_tokens
        allowed[-1] = True
        costs = np.where(allowed, least[:end] + sizes + PASS_TOKENS, np.inf)
        starts[end] = costs.argmin()
        least[end] = costs.min()
    cuts = [len(lengths)]
    while cuts[-1]:
        cuts.append(int(starts[cuts[-1]]))
    return cuts[::-1]
