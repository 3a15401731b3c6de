"""Fusion: several scorers as one, by a weighted sum of their scores or by their ranks."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.errors import OptionError, TextError
from whyalike.explanation import ScorePart
from whyalike.models.opening import Opening, open_scorer
from whyalike.models.scorer import (
    Capability,
    Embedder,
    OpaqueScorer,
    Scorer,
    TextPair,
    embed_once,
    scores_of,
)
from whyalike.models.tokens import TokenizedText
from whyalike.options import LongText, check_choice, check_whole, policy_for
from whyalike.similarity import similarity_matrix
from whyalike.texts import checked_texts, without_surrogates

Normalise = Literal["none", "min-max", "z-score", "ranks"]
Prompts = tuple[str, str]

ROUNDING = 1e-6
"""Scores that differ by less, of the greatest of them, are the same: single precision's."""

KEPT_SUMS, KEPT_RANKS = 1024, 16
"""Queries whose statistics are kept: of sums two numbers a part, of ranks all scores."""


@dataclass(frozen=True, eq=False, slots=True)
class FusionPart:
    """One scorer of a fusion, with its weight and its own prompts."""

    scorer: Scorer
    weight: float
    prompts: Prompts

    @property
    def name(self) -> str:
        """What explanations call it."""
        return self.scorer.name


@dataclass(frozen=True, slots=True)
class Line:
    """A normalisation, which is a line: slope times the score, plus constant."""

    slope: float
    constant: float


def line_through(scores: Floats, normalise: Normalise) -> Line:
    """Return the line that normalises a query's scores (N,), as ``Fusion`` defines it."""
    if normalise == "min-max":
        low, high = float(scores.min()), float(scores.max())
        if _are_same(scores):
            return Line(0.0, 1.0)
        return Line(1 / (high - low), -low / (high - low))
    if normalise == "z-score":
        if _are_same(scores):
            return Line(0.0, 0.0)
        deviation = float(scores.std(ddof=1))
        return Line(1 / deviation, -float(scores.mean()) / deviation)
    return Line(1.0, 0.0)


def _are_same(scores: Floats) -> bool:
    return bool(np.ptp(scores) <= ROUNDING * np.abs(scores).max(initial=0.0))


@dataclass(frozen=True, eq=False, slots=True)
class FusedScore:
    """A fused score and how it came together.

    parts: P of them. factors: (P,), what a part's score is multiplied by, weight and slope; empty
    with ranks. notes: what a reader must know of it.
    """

    parts: tuple[ScorePart, ...]
    factors: tuple[float, ...]
    notes: tuple[str, ...]

    @property
    def score(self) -> float:
        """The sum of what the parts add."""
        return math.fsum(part.contribution for part in self.parts)


Ranks = NDArray[np.intp]


@dataclass(frozen=True, eq=False, slots=True)
class _Ranking:
    """Of N texts for a query, the scores and ranks (P, N) by each part, and those fused (N,)."""

    scores: Floats
    ranks: Ranks
    fused: Ranks


@dataclass(frozen=True, eq=False, slots=True)
class _Queries:
    """What is done with long texts, and the vectors (H,) of new queries by part."""

    long_text: LongText
    vectors: dict[tuple[int, str], Floats]


class Fusion(OpaqueScorer):
    r"""Several scorers as one, as hybrid search fuses them: the left text is the query.

    The score is the sum of each part's weight times its normalised score. Statistics are of the
    query's scores s of the texts in ``over``, part by part:

    - ``"none"``: s itself
    - ``"min-max"``: (s - min) / (max - min). Where all scores are the same it is 1, as in
      OpenSearch's ``min_max`` and Weaviate's ``relativeScoreFusion``; Elasticsearch's ``minmax``
      gives .5 then. OpenSearch lifts 0 to .001, which is not done here.
    - ``"z-score"``: (s - mean) / standard deviation, that of a sample (n - 1), as OpenSearch's
      ``z_score`` has it. OpenSearch lifts what is below .001 to .001, which would give all texts
      below the mean one score, and is not done here. Where all scores are the same it is 0.
    - ``"ranks"``: reciprocal rank fusion (Cormack, Clarke and Buettcher 2009), weight / (k + rank),
      the best text having rank 1 and equal scores the same rank. It is no sum over words.

    Weights are taken as they are, as in Elasticsearch's ``linear`` retriever; they need not sum to
    1. A text outside of ``over`` is normalised by the same line, and so may be below 0 or above 1.
    The statistics of a query are worked out once, and so are the vectors of ``over``.

    Parameters
    ----------
    parts : sequence of tuple
        Pairs of a scorer and its weight. A scorer is whatever Explainer takes as a model: a name, a
        folder, a loaded model, BM25(...), a BlackBox, a PairScorer, a Fusion.
    normalise : str, default='none'
        See above.
    over : iterable of str, optional
        The texts whose scores are looked at: the catalogue, or those that a search found. Needed
        by all but ``"none"``.
    rank_constant : int, default=60
        k of reciprocal rank fusion.
    prompts : sequence, optional
        For each part its prompts (left, right), or None for its own.
    name : str, optional
        What explanations call the fusion.
    device : str, optional
        Where to put models that are loaded here.
    trust_remote_code : bool, default=False
        Allow code that comes with a model to run.
    allow_pickle : bool, default=False
        Allow weights that are not safetensors.

    Raises
    ------
    OptionError
        No parts, a weight below 0 or that is no number, all weights 0, ``over`` missing or given
        without use, prompts that are not one pair a part.
    TextError
        No text in ``over``, or something else than texts.
    ModelNotFoundError, UnsafeModelError, ModelError
        A part can't be found, used, or is no model.
    """

    argument: ClassVar[str] = "a fusion"

    def __init__(
        self,
        parts: Sequence[tuple[Any, float]],
        *,
        normalise: Normalise = "none",
        over: Iterable[str] | None = None,
        rank_constant: int = 60,
        prompts: Sequence[Prompts | None] | None = None,
        name: str | None = None,
        device: str | None = None,
        trust_remote_code: bool = False,
        allow_pickle: bool = False,
    ) -> None:
        check_choice("normalise", normalise, get_args(Normalise))
        check_whole("rank_constant", rank_constant)
        weighed = _checked_parts(parts)
        self.normalise, self.rank_constant = normalise, rank_constant
        self.over = self._checked_over(over)
        given = [None] * len(weighed) if prompts is None else _checked_prompts(prompts, weighed)
        opening = Opening(
            device=device, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle
        )
        self.parts = tuple(
            _open_part(source, weight, own, opening)
            for (source, weight), own in zip(weighed, given, strict=True)
        )
        if name is not None and not isinstance(name, str):
            raise OptionError(f"name is {name!r}; give a text.")
        self.name = name or self._own_name()
        self._places = {text: place for place, text in reversed(list(enumerate(self.over)))}
        self._vectors: dict[tuple[int, LongText], Floats] = {}
        self._kept: dict[tuple[str, LongText], Any] = {}

    def __repr__(self) -> str:
        """Return one line."""
        return f"Fusion({self.name!r})"

    @property
    def capabilities(self) -> frozenset[Capability]:  # type: ignore[override]
        """What it gives besides scores: parts that sum to the score, or their ranks."""
        return frozenset({"ranks" if self.normalise == "ranks" else "parts"})

    def _own_name(self) -> str:
        said = " + ".join(f"{part.weight:g} × {part.name}" for part in self.parts)
        if self.normalise == "none":
            return said
        count = f"{len(self.over):,} text{'s' * (len(self.over) != 1)}"
        return f"{said}, {self.normalise} over {count}"

    def _checked_over(self, over: Iterable[str] | None) -> list[str]:
        if over is None:
            if self.normalise != "none":
                raise OptionError(
                    f"normalise is {self.normalise!r}, which goes by the query's scores of a list "
                    "of texts: give these as over= (--over), the catalogue's or those of a search."
                )
            return []
        if self.normalise == "none":
            raise OptionError(
                "over= has no use where scores are not normalised: leave it out, or choose "
                "normalise='min-max', 'z-score' or 'ranks'."
            )
        found = [without_surrogates(text) for text in checked_texts(over, name="over")]
        if not found:
            raise TextError("over= has no text: give those whose scores are to be normalised over.")
        return found

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return none: each part has its own. Raises OptionError where some are given."""
        if names is not None or any(super().find_prompts(prompts, None)):
            raise OptionError(
                "The parts of a fusion have prompts of their own, and one part's would be text to "
                "another: leave prompts out, or give Fusion(..., prompts=[...]) a pair for each "
                "part."
            )
        return "", ""

    def about_blank(self, text: TokenizedText) -> str:
        """Return nothing: what each part makes of a blank text is its own affair."""
        del text
        return ""

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Return texts whose tokens are their words; ``long_text`` is for the parts."""
        del long_text
        return super().tokenize(texts, prompt=prompt)

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the fused scores (N,) of N pairs.

        Raises
        ------
        OptionError
            A prompt.
        ModelError
            A part gives something else than finite numbers.
        """
        self.find_prompts(prompts, None)
        scores = [
            scores_of(part.scorer, pairs, prompts=part.prompts, long_text=long_text)
            for part in self.parts
        ]
        fused = self.fuse(pairs, scores, long_text=long_text)
        return np.array([each.score for each in fused], dtype=np.float64)

    def fuse(
        self,
        pairs: Sequence[TextPair],
        scores: Sequence[Sequence[float]],
        *,
        long_text: LongText = "truncate",
    ) -> list[FusedScore]:
        """Return how the parts' scores of N pairs come together.

        Parameters
        ----------
        pairs : sequence of tuple of str
            Queries and passages.
        scores : sequence of sequence of float
            (P, N), of each part.
        long_text : str, default='truncate'
            What parts do with text beyond their limit.
        """
        own = zip(*scores, strict=True) if pairs else ()
        policy = policy_for(long_text)
        queries = _Queries(policy, self._embed([query for query, _ in pairs], policy))
        if self.normalise == "ranks":
            return [
                self._by_ranks(*pair, list(each), queries)
                for pair, each in zip(pairs, own, strict=True)
            ]
        return [
            self._by_lines(pair[0], list(each), queries)
            for pair, each in zip(pairs, own, strict=True)
        ]

    def _embed(self, queries: Sequence[str], long_text: LongText) -> dict[tuple[int, str], Floats]:
        """Return, by part, the vectors of those queries whose statistics are not kept."""
        new = [query for query in dict.fromkeys(queries) if (query, long_text) not in self._kept]
        if not new or self.normalise == "none":
            return {}
        found = {}
        for number, part in enumerate(self.parts):
            if "vectors" in part.scorer.capabilities:
                asked = part.prompts[0]
                vectors = embed_once(
                    cast("Embedder", part.scorer),
                    [(asked, query) for query in new],
                    long_text=long_text,
                )
                found.update({(number, query): vectors[asked, query] for query in new})
        return found

    def _by_lines(self, query: str, scores: list[float], queries: "_Queries") -> FusedScore:
        parts, notes = [], []
        lines = self._lines(query, queries)
        for part, line, score in zip(self.parts, lines, scores, strict=True):
            value = line.slope * score + line.constant
            parts.append(
                ScorePart(
                    name=part.name,
                    weight=part.weight,
                    score=score,
                    normalised=value,
                    contribution=part.weight * value,
                    constant=part.weight * line.constant,
                )
            )
            if not line.slope:
                notes.append(
                    f"{part.name} scores all texts that its scores are normalised over the same, "
                    f"so that its normalised score is {line.constant:g} for every text and says "
                    "nothing of this one."
                )
            elif self.normalise == "min-max" and not -ROUNDING <= value <= 1 + ROUNDING:
                notes.append(
                    f"{part.name} scores this text beyond those that its scores are normalised "
                    f"over: its normalised score is {value:.3g}, and not from 0 to 1."
                )
        factors = [part.weight * line.slope for part, line in zip(self.parts, lines, strict=True)]
        return FusedScore(tuple(parts), tuple(factors), tuple(notes))

    def _lines(self, query: str, queries: "_Queries") -> list[Line]:
        if self.normalise == "none":
            return [Line(1.0, 0.0)] * len(self.parts)
        key = query, queries.long_text
        found: list[Line] | None = self._kept.get(key)
        if found is None:
            table = self._scores_over(query, queries)
            found = [line_through(scores, self.normalise) for scores in table]
            self._keep(key, found)
        return found

    def _by_ranks(
        self, query: str, passage: str, scores: list[float], queries: "_Queries"
    ) -> FusedScore:
        found = self._rank_over(query, queries)
        place = self._places.get(passage)
        if place is None:
            place = len(self.over)
            found = self._rank(np.concatenate([found.scores, np.array(scores)[:, None]], axis=1))
        parts = tuple(
            ScorePart(
                name=part.name,
                weight=part.weight,
                score=float(found.scores[row, place]),
                normalised=1 / (self.rank_constant + (rank := int(found.ranks[row, place]))),
                contribution=part.weight / (self.rank_constant + rank),
                rank=rank,
            )
            for row, part in enumerate(self.parts)
        )
        note = _say_ranks(parts, int(found.fused[place]), len(found.fused))
        return FusedScore(parts, (), (note,))

    def _rank_over(self, query: str, queries: "_Queries") -> "_Ranking":
        key = query, queries.long_text
        found: _Ranking | None = self._kept.get(key)
        if found is None:
            found = self._rank(self._scores_over(query, queries))
            self._keep(key, found)
        return found

    def _rank(self, scores: Floats) -> "_Ranking":
        ranks = np.array([_ranks(each) for each in scores])
        weights = np.array([part.weight for part in self.parts])[:, None]
        fused = (weights / (self.rank_constant + ranks)).sum(axis=0)
        return _Ranking(scores, ranks, _ranks(fused, rounding=1e-12))

    def _keep(self, key: tuple[str, LongText], value: Any) -> None:
        """Keep a query's statistics, and forget the oldest; threads may do so at once."""
        most = KEPT_RANKS if self.normalise == "ranks" else KEPT_SUMS
        self._kept = dict([*self._kept.items(), (key, value)][-most:])

    def _scores_over(self, query: str, queries: "_Queries") -> Floats:
        """Return (P, N): each part's scores of the query with all texts of ``over``."""
        return np.array(
            [
                self._by_vectors(number, query, queries)
                if "vectors" in part.scorer.capabilities
                else scores_of(
                    part.scorer,
                    [(query, text) for text in self.over],
                    prompts=part.prompts,
                    long_text=queries.long_text,
                )
                for number, part in enumerate(self.parts)
            ],
            dtype=np.float64,
        )

    def _by_vectors(self, number: int, query: str, queries: "_Queries") -> Floats:
        """Return the scores (N,) of one part; the vectors of ``over`` are made once."""
        part, long_text = self.parts[number], queries.long_text
        model = cast("Embedder", part.scorer)
        asked, stored = part.prompts
        vectors = self._vectors.get((number, long_text))
        if vectors is None:
            found = embed_once(model, [(stored, text) for text in self.over], long_text=long_text)
            vectors = np.array([found[stored, text] for text in self.over])
            self._vectors[number, long_text] = vectors
        own = queries.vectors.get((number, query))
        if own is None:  # Forgotten in the meantime.
            own = embed_once(model, [(asked, query)], long_text=long_text)[asked, query]
        own = np.resize(own, vectors.shape[1])
        function = model.similarity_function
        scores: Floats = similarity_matrix(own[None], vectors, function=function)[0]
        if function == "cosine":
            np.clip(scores, -1.0, 1.0, out=scores)
        return scores


def _ranks(scores: Floats, *, rounding: float = ROUNDING) -> Ranks:
    """Return the ranks (N,) of scores (N,), 1 for the greatest; equal ones have the same."""
    tolerance = rounding * np.abs(scores).max(initial=0.0)
    found: Ranks = (
        len(scores) - np.searchsorted(np.sort(scores), scores + tolerance, side="right") + 1
    )
    return found


def _say_ranks(parts: Sequence[ScorePart], fused: int, count: int) -> str:
    """Return which parts lifted a passage, and which sank it."""
    ranks = [(part.name, part.rank or 0) for part in parts if part.weight]
    said = [
        f"{', '.join(names)} {did} it"
        for did, names in (
            ("lifted", [f"{name} ({rank:,})" for name, rank in ranks if rank < fused]),
            ("sank", [f"{name} ({rank:,})" for name, rank in ranks if rank > fused]),
        )
        if names
    ]
    reason = " and ".join(said) or "all parts have it there"
    return f"By its fused ranks the right text is number {fused:,} of {count:,}: {reason}."


def _open_part(source: Any, weight: float, prompts: Prompts | None, opening: Opening) -> FusionPart:
    # Only what is named is loaded here.
    scorer = open_scorer(source, opening if isinstance(source, str | Path) else Opening())
    return FusionPart(scorer, weight, scorer.find_prompts(prompts, None))


def _checked_parts(parts: object) -> list[tuple[Any, float]]:
    """Return pairs of a scorer and its weight. Raises OptionError on anything else."""
    if isinstance(parts, str | Mapping) or not isinstance(parts, Iterable):
        raise OptionError(
            f"The parts of a fusion are of type {type(parts).__name__}; give pairs of a scorer and "
            "its weight, such as [(BM25(texts), 1), ('all-MiniLM-L6-v2', 2)]."
        )
    found = []
    for number, part in enumerate(parts):
        if not isinstance(part, tuple | list) or len(part) != 2:
            raise OptionError(
                f"Part {number} of the fusion is of type {type(part).__name__}; give a scorer and "
                "its weight, such as ('all-MiniLM-L6-v2', 2)."
            )
        source, weight = part
        if hasattr(source, "explain_many"):
            raise OptionError(
                f"Part {number} of the fusion is an Explainer; give what it explains, its .model."
            )
        number_like = isinstance(weight, int | float | np.number) and not isinstance(weight, bool)
        # As a number that a float can hold: math.isfinite raises on greater whole numbers.
        if not number_like or not 0 <= weight <= sys.float_info.max:
            raise OptionError(
                f"The weight of part {number} of the fusion is {weight!r}; give a number from 0 on."
            )
        found.append((source, float(weight)))
    if not any(weight for _, weight in found):
        raise OptionError(
            "A fusion needs a part with a weight above 0, such as [(BM25(texts), 1), "
            "('all-MiniLM-L6-v2', 2)]."
        )
    return found


def _checked_prompts(prompts: object, parts: Sequence[tuple[Any, float]]) -> list[Prompts | None]:
    if isinstance(prompts, str) or not isinstance(prompts, Sequence) or len(prompts) != len(parts):
        raise OptionError(
            f"prompts of a fusion are a list with a pair (left, right) or None for each of its "
            f"{len(parts)} parts; got {prompts!r}."
        )
    return list(prompts)
