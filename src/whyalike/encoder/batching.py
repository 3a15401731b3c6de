"""Which rows share a forward pass, so that little of it is spent on padding."""

from collections.abc import Hashable, Sequence

PADDING_ALLOWED = 0.25
"""The largest part of a row that may be padding: a shorter row starts a group of its own."""


def group_rows(
    lengths: Sequence[int], keys: Sequence[Hashable], *, most_tokens: int
) -> list[list[int]]:
    """Return groups of row indices with equal keys and similar lengths, longest first.

    No group of more than one row has more than ``most_tokens`` tokens, padding included. A row of
    length 0 is in no group: there is nothing for the model to read.
    """
    order = sorted(
        (row for row, length in enumerate(lengths) if length), key=lambda row: -lengths[row]
    )
    groups: list[list[int]] = []
    open_groups: dict[Hashable, list[int]] = {}
    for row in order:
        group = open_groups.get(keys[row])
        if (
            group is None
            or lengths[row] < (1 - PADDING_ALLOWED) * lengths[group[0]]
            or (len(group) + 1) * lengths[group[0]] > most_tokens
        ):
            group = open_groups[keys[row]] = []
            groups.append(group)
        group.append(row)
    return groups
