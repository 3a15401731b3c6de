"""Published rules that align words by their vectors: what our matching is measured against.

They say which words go together and nothing else, so that they are no ``matching`` of an
explanation. Each takes the vectors (W, H) and (W', H) of the words of two texts and returns which
pairs it links, (W, W'); texts without words have no links.
"""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from whyalike.arrays import Floats, products
from whyalike.errors import MissingExtraError, OptionError
from whyalike.matching import cosine_matrix
from whyalike.options import check_choice, check_whole

Links = NDArray[np.bool_]
Rule = Callable[[Floats, Floats], Links]

Transport = Literal["balanced", "partial", "unbalanced"]
Mass = Literal["even", "length"]


def align_by_argmax(left: Floats, right: Floats) -> Links:
    """Link words that are each other's nearest; the first on a tie.

    SimAlign's Argmax (Jalili Sabet et al. 2020, section 2.2).
    """
    return _intersection(_similarity(left, right))


def align_by_itermax(left: Floats, right: Floats, *, rounds: int = 2) -> Links:
    """Repeat the argmax with similarities that count less where a word has a link already.

    SimAlign's Itermax (Jalili Sabet et al. 2020, algorithm 1): 0 where both words have one, .9
    where one has, and as it is where none has. A round's links need one word without a link.

    Parameters
    ----------
    left : Floats
        (W, H).
    right : Floats
        (W', H).
    rounds : int, default=2
        With the first; theirs is 2.

    Raises
    ------
    OptionError
        ``rounds`` is not a whole number from 1 on.
    """
    check_whole("rounds", rounds)
    similarity = _similarity(left, right)
    links = _intersection(similarity)
    for _ in range(rounds - 1):
        rows, columns = np.any(links, axis=1), np.any(links, axis=0)
        if rows.all() or columns.all():
            break
        both: Links = np.logical_and.outer(rows, columns)
        factor = np.where(
            both, 0.0, np.where(np.logical_or.outer(rows, columns), ITERMAX_FACTOR, 1.0)
        )
        found = _intersection(similarity * factor) & ~both
        if not found.any():
            break
        links |= found
    return links


ITERMAX_FACTOR = 0.9


def align_by_matching(left: Floats, right: Floats) -> Links:
    """Link as many words as the shorter text has, one to one, for the greatest sum of cosines.

    SimAlign's Match: a maximum-weight maximal matching of the bipartite graph (Jalili Sabet et al.
    2020, section 2.2).
    """
    similarity = _similarity(left, right)
    links = np.zeros(similarity.shape, dtype=bool)
    links[linear_sum_assignment(similarity, maximize=True)] = True
    return links


def align_by_softmax(left: Floats, right: Floats, *, threshold: float = 0.001) -> Links:
    """Link words whose softmax of products is above a threshold from both sides.

    awesome-align (Dou and Neubig 2021, section 2.1), of words instead of their pieces; products of
    the vectors as they are.

    Parameters
    ----------
    left : Floats
        (W, H).
    right : Floats
        (W', H).
    threshold : float, default=0.001
        Theirs.
    """
    scores = products(left, right)
    if not scores.size:
        return np.zeros(scores.shape, dtype=bool)
    return (_softmax(scores, axis=1) > threshold) & (_softmax(scores, axis=0) > threshold)


def align_by_transport(
    left: Floats,
    right: Floats,
    *,
    kind: Transport = "balanced",
    mass: Mass = "length",
    threshold: float = 0.5,
    regularisation: float = 0.1,
    moved: float = 0.7,
    penalty: float = 0.1,
) -> Links:
    """Link words between which an optimal transport moves much of what is moved at most.

    OTAlign (Arase, Bao and Yokoi 2023): the cost is 1 less the cosine, scaled to 0 to 1; the plan
    with entropic regularisation, scaled to 0 to 1 as well, is above ``threshold``. Needs POT, the
    extra ``alignment``.

    Parameters
    ----------
    left : Floats
        (W, H).
    right : Floats
        (W', H).
    kind : Transport, default='balanced'
        All mass moves, only a part of it, or as much as pays.
    mass : Mass, default='length'
        Of each word: the same, or its vector's length (Yokoi et al. 2020).
    threshold : float, default=0.5
        To be chosen on data: theirs is chosen for each data set.
    regularisation : float, default=0.1
        Weight of the entropy.
    moved : float, default=0.7
        The part of all mass that moves; of ``partial`` alone.
    penalty : float, default=0.1
        For mass that stays, by its divergence; of ``unbalanced`` alone.

    Raises
    ------
    OptionError
        Another kind or mass, or a ``moved`` that is no part.
    MissingExtraError
        POT is not installed.
    """
    check_choice("kind", kind, get_args(Transport))
    check_choice("mass", mass, get_args(Mass))
    if not 0 < moved <= 1:
        raise OptionError(f"moved is {moved!r}; give a part of the mass, above 0 and at most 1.")
    try:
        import ot
    except ImportError as error:
        raise MissingExtraError("Alignment by transport", "POT", "alignment") from error
    cosines = cosine_matrix(left, right)
    if not cosines.size:
        return np.zeros(cosines.shape, dtype=bool)
    cost = _scaled(1 - cosines)
    first, second = _masses(left, mass), _masses(right, mass)
    if kind == "balanced":
        plan = ot.sinkhorn(first, second, cost, regularisation, method="sinkhorn_log", warn=False)
    elif kind == "partial":
        plan = ot.partial.entropic_partial_wasserstein(
            first, second, cost, regularisation, m=moved, numItermax=200, stopThr=1e-6
        )
    else:
        plan = ot.sinkhorn_unbalanced(first, second, cost, regularisation, penalty)
    links: Links = _scaled(plan) > threshold
    return links


RULES: dict[str, Rule] = {
    "argmax": align_by_argmax,
    "itermax": align_by_itermax,
    "match": align_by_matching,
    "softmax": align_by_softmax,
    "transport": align_by_transport,
}
"""The rules by their names, with their usual settings."""


ROUNDING = 1e-9
"""What values of one size may differ by, as a part of it."""


def _similarity(left: Floats, right: Floats) -> Floats:
    """Return (W, W'): cosines, from 0 to 1 as SimAlign has them."""
    similarity: Floats = (cosine_matrix(left, right) + 1) / 2
    return similarity


def _intersection(similarity: Floats) -> Links:
    links = np.zeros(similarity.shape, dtype=bool)
    if similarity.size:
        rows, columns = similarity.argmax(axis=1), similarity.argmax(axis=0)
        own = np.flatnonzero(columns[rows] == np.arange(len(rows)))
        links[own, rows[own]] = True
    return links


def _softmax(scores: Floats, *, axis: int) -> Floats:
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    shares: Floats = powers / powers.sum(axis=axis, keepdims=True)
    return shares


def _scaled(values: Floats) -> Floats:
    """Scale to 0 to 1; values that are all the same, but for rounding, become 1."""
    low, high = values.min(), values.max()
    if high - low <= ROUNDING * abs(high):
        return np.ones_like(values)
    scaled: Floats = (values - low) / (high - low)
    return scaled


def _masses(vectors: Floats, mass: Mass) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1)
    if mass == "even" or not lengths.any():
        lengths = np.ones(len(vectors))
    shares: Floats = lengths / lengths.sum()
    return shares
