"""Recall, MRR and nDCG of rankings, by ``ir-measures``."""

from collections.abc import Mapping, Sequence

from whyalike.errors import MissingExtraError

DEPTH = 10
"""Ranks that MRR and nDCG look at."""


def measure(
    rankings: Mapping[str, Sequence[str]], right: Mapping[str, Sequence[str]], *, k: int
) -> dict[str, float]:
    """Return Recall@k, and MRR and nDCG of the first ten, in the mean over the queries.

    Parameters
    ----------
    rankings : mapping of str to sequence of str
        Of each query the ids that were found, best first.
    right : mapping of str to sequence of str
        Of each query the ids of its right items, all of one worth.
    k : int
        How many ids count for the recall.

    Raises
    ------
    MissingExtraError
        The extra ``diagnose`` is not installed.
    """
    try:
        import ir_measures
    except ImportError as error:
        raise MissingExtraError("Recall, MRR and nDCG", "ir-measures", "diagnose") from error
    if not right:
        return {}
    asked = {
        f"Recall@{k}": ir_measures.parse_measure(f"R@{k}"),
        f"MRR@{DEPTH}": ir_measures.parse_measure(f"RR@{DEPTH}"),
        f"nDCG@{DEPTH}": ir_measures.parse_measure(f"nDCG@{DEPTH}"),
    }
    qrels = [
        ir_measures.Qrel(query, id, 1) for query, ids in right.items() for id in dict.fromkeys(ids)
    ]
    # Scores are ranks: trec_eval orders equal scores by ids of its own.
    run = [
        ir_measures.ScoredDoc(query, id, -float(rank))
        for query, ids in rankings.items()
        for rank, id in enumerate(ids)
    ]
    found = ir_measures.calc_aggregate(list(asked.values()), qrels, run)
    return {name: float(found[one]) for name, one in asked.items()}
