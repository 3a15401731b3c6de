"""Whether two methods' F over all links differ, by a paired randomisation test."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from whyalike.errors import OptionError
from whyalike.evaluation.gold_counts import LinkCounts, f_of
from whyalike.options import check_whole
from whyalike.statistics import PairedTest, holm

Floats = NDArray[np.float64]
SWAPPED_AT_ONCE = 256


def compare_links(
    counts: Mapping[str, LinkCounts],
    *,
    reference: str,
    resamples: int = 9999,
    seed: int = 0,
) -> tuple[PairedTest, ...]:
    """Test one method's F over all links against each other's (Noreen 1989; Yeh 2000; Holm 1979).

    F is no mean over pairs of texts, so that no test of the pairs' own figures fits it. If two
    methods are equally good, it doesn't matter which of them gave a pair's links: these are swapped
    at random, for each pair of texts by itself, and p is how often the two F then differ at least
    as much as they do, (1 + times) / (1 + resamples).

    Args:
        counts: of each method, on the same P pairs.
        reference: the method to test against.
        resamples: how many times links are swapped.
        seed: of the swaps, the same ones for each method.

    Raises:
        OptionError: other numbers of pairs, no such method, or fewer than one resample.
    """
    if reference not in counts:
        raise OptionError(f"There are no counts of {reference!r}; there are: {', '.join(counts)}.")
    if len(lengths := {len(found.given) for found in counts.values()}) > 1:
        raise OptionError(f"Paired tests need the same pairs for all; got {sorted(lengths)}.")
    check_whole("resamples", resamples)
    check_whole("seed", seed, least=0)
    others = [name for name in counts if name != reference]
    first = counts[reference]
    raw = [_swap(first, counts[name], resamples=resamples, seed=seed) for name in others]
    adjusted = holm([p for _, p in raw])
    return tuple(
        PairedTest(reference, name, difference, p, corrected, len(first.given))
        for name, (difference, p), corrected in zip(others, raw, adjusted, strict=True)
    )


def _swap(
    first: LinkCounts, second: LinkCounts, *, resamples: int, seed: int
) -> tuple[float, float]:
    """Return the difference of F, and p."""
    one, two = first.table(), second.table()
    difference = float(f_of(*one.sum(axis=1)) - f_of(*two.sum(axis=1)))
    # An F that is undefined is no better and no worse than another.
    if np.isnan(difference):
        return 0.0, 1.0
    random = np.random.default_rng(seed)
    change = two - one
    as_great = 0
    for start in range(0, resamples, SWAPPED_AT_ONCE):
        rows = min(SWAPPED_AT_ONCE, resamples - start)
        swapped = random.integers(2, size=(rows, one.shape[1])).astype(np.float64)
        moved = change @ swapped.T
        drawn = f_of(*(one.sum(axis=1)[:, None] + moved)) - f_of(
            *(two.sum(axis=1)[:, None] - moved)
        )
        # Swapping all pairs or none must count, whatever rounding says.
        as_great += int((np.abs(np.nan_to_num(drawn)) >= abs(difference) - 1e-12).sum())
    return difference, (1 + as_great) / (1 + resamples)
