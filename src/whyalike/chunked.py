"""Pairs of long texts explained by their chunks: the best pair of chunks, or the mean of all.

Each pair of chunks is explained as a pair of texts of its own, and what is found is put back into
the whole texts, at the same characters.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from whyalike.errors import OptionError
from whyalike.explanation import (
    ExplainedText,
    Explanation,
    Term,
    TextChunk,
    Word,
    WordPair,
)
from whyalike.models.scorer import ChunkedScore, TextPair, score_in_chunks
from whyalike.options import BTIOptions, Chunks, UnitKind
from whyalike.selection import best_first, select_pairs
from whyalike.texts import find_words, is_mark

if TYPE_CHECKING:
    from whyalike.explainer import Explainer

Span = tuple[int, int]


def explain_in_chunks(
    explainer: "Explainer",
    pairs: Sequence[TextPair],
    chunks: Chunks,
    *,
    check: int = 0,
    unit: UnitKind = "word",
) -> list[Explanation]:
    """Explain the scores that pairs of clean texts have by their chunks.

    Parameters
    ----------
    explainer : Explainer
        Reads each chunk as a text of its own.
    pairs : sequence of tuple of str
        Left and right texts.
    chunks : Chunks
        How they are cut, and which score counts.
    check : int, default=0
        As ``Explainer.explain`` has it. With the greatest score it deletes words from the best
        chunks, which stay as they are cut.
    unit : UnitKind, default='word'
        As ``Explainer.explain`` has it. Of a mean neither this nor the checks are made here.

    Raises
    ------
    OptionError
        Texts that can't be cut so, or a mean that can't be put together.
    TextError, ModelError
        As ``Explainer.explain``.
    """
    if chunks.score == "mean":
        _check_mean(explainer)
    found = score_in_chunks(explainer.model, pairs, prompts=explainer.prompts, chunks=chunks)
    wanted = [_chosen(each, mean=chunks.score == "mean") for each in found]
    texts = [
        (left[slice(*score.spans[0][one])], right[slice(*score.spans[1][other])])
        for (left, right), score, places in zip(pairs, found, wanted, strict=True)
        for one, other in places
    ]
    if chunks.score == "mean":
        check, unit = 0, "word"
    explained = iter(explainer.explain_many(texts, check=check, unit=unit))
    results = []
    for pair, score, places in zip(pairs, found, wanted, strict=True):
        placed = [
            _placed(next(explained), pair, (score.spans[0][one], score.spans[1][other]))
            for one, other in places
        ]
        if chunks.score == "mean":
            results.append(_mean(explainer, placed, pair, score))
        else:
            results.append(_best(placed[0], score, *places[0]))
    return results


def with_options(explanation: Explanation, options: BTIOptions) -> Explanation:
    """Return an explanation that records how long texts were read."""
    names = ("long_text", "chunk_size", "chunk_overlap", "chunk_score")
    how = {name: getattr(options, name) for name in names}
    return replace(explanation, options=replace(explanation.options, **how))


def _chosen(score: ChunkedScore, *, mean: bool) -> list[tuple[int, int]]:
    """Return the pairs of chunks that are explained."""
    if not mean:
        return [score.best]
    lefts, rights = (range(len(spans)) for spans in score.spans)
    return [(one, other) for one in lefts for other in rights]


def _check_mean(explainer: "Explainer") -> None:
    instead = "choose chunk_score='max'."
    if {"parts", "ranks"} & explainer.model.capabilities:
        raise OptionError(
            f"chunk_score is 'mean', and the parts of {explainer.model.name} make no mean of their "
            f"chunks: {instead}"
        )
    if explainer.background is not None:
        raise OptionError(
            "chunk_score is 'mean', and a background's percentiles are of single scores: leave out "
            f"the background, or {instead}"
        )
    if explainer.options.words != "text":
        raise OptionError(
            f"chunk_score is 'mean', and words is {explainer.options.words!r}, which differ from "
            f"chunk to chunk: choose words='text', or {instead}"
        )


def _placed(explanation: Explanation, pair: TextPair, spans: tuple[Span, Span]) -> Explanation:
    """Return an explanation of two chunks with its words at their places in the whole texts."""
    sides = []
    for side, text, (start, _) in zip(
        (explanation.left, explanation.right), pair, spans, strict=True
    ):
        words = tuple(
            replace(word, start=word.start + start, end=word.end + start) for word in side.words
        )
        sides.append(replace(side, text=text, words=words))
    units = explanation.units
    if units is not None:
        left, right = (
            tuple(replace(unit, start=unit.start + start, end=unit.end + start) for unit in own)
            for own, (start, _) in zip((units.left, units.right), spans, strict=True)
        )
        units = replace(units, left=left, right=right)
    return replace(explanation, left=sides[0], right=sides[1], units=units)


def _best(explanation: Explanation, score: ChunkedScore, one: int, other: int) -> Explanation:
    """Return the explanation of the best chunks, which says what they are and what is unread."""
    sides, warnings = [], []
    for name, side, spans, place in zip(
        ("left", "right"),
        (explanation.left, explanation.right),
        score.spans,
        (one, other),
        strict=True,
    ):
        if len(spans) == 1:
            sides.append(side)
            continue
        start, end = spans[place]
        chunk = TextChunk(place + 1, len(spans), start, end)
        unread = max(0, len(find_words(side.text)) - len(find_words(side.text[start:end])))
        sides.append(replace(side, chunk=chunk, unread_words=unread + side.unread_words))
        warnings.append(
            f"The score is that of {chunk} of the {name} text (characters {start:,} to {end:,}): "
            f"{_words_outside(unread)} not read by this score."
        )
    return replace(
        explanation,
        left=sides[0],
        right=sides[1],
        warnings=(*warnings, *explanation.warnings),
    )


def _words_outside(count: int) -> str:
    return "the word outside of it was" if count == 1 else f"the {count:,} words outside of it were"


def _mean(
    explainer: "Explainer", found: Sequence[Explanation], pair: TextPair, score: ChunkedScore
) -> Explanation:
    """Return the mean of explanations of all pairs of chunks: of scores, and what words add."""
    first, count = found[0], len(found)
    if count == 1:
        return first
    sides = tuple(
        _joined([(one.left, one.right)[which] for one in found], pair[which]) for which in (0, 1)
    )
    places = [{(w.start, w.end): n for n, w in enumerate(side.words)} for side in sides]

    def place_of(one: Explanation, which: int, index: int) -> int:
        word = (one.left, one.right)[which].words[index]
        return places[which][word.start, word.end]

    matrix = _mean_matrix(found, place_of, (len(sides[0].words), len(sides[1].words)))
    matches = _mean_matches(found, place_of, matrix)
    matched = [{match.left for match in matches}, {match.right for match in matches}]
    left, right = (
        replace(
            side,
            unmatched=tuple(
                sorted(
                    (
                        n
                        for n, word in enumerate(side.words)
                        if n not in taken and not is_mark(word.text)
                    ),
                    key=lambda n, side=side: -abs(side.words[n].saliency),  # type: ignore[misc]
                )
            ),
        )
        for side, taken in zip(sides, matched, strict=True)
    )
    numbers = [len(spans) for spans in score.spans]
    said = f"{numbers[1]:,} chunks of the right text"
    if numbers[0] > 1:
        said = f"{numbers[0]:,} chunks of the left text with {said}"
    remainders = [one.remainder for one in found]
    gaps = [one.completeness_gap for one in found if one.completeness_gap is not None]
    return replace(
        first,
        similarity=score.score,
        left=left,
        right=right,
        matches=best_first(matches),
        pairs=select_pairs(
            matches,
            [word.text for word in left.words],
            [word.text for word in right.words],
            selection=explainer.method.selects_by(first.options),
            options=first.options,
        ),
        pair_contributions=matrix,
        remainder=None if None in remainders else sum(value or 0.0 for value in remainders) / count,
        completeness_gap=max(gaps, default=None),
        terms=_mean_terms(found, place_of),
        warnings=(
            f"The score is the mean of those of {said}: no chunk is read with the others.",
            *dict.fromkeys(warning for one in found for warning in one.warnings),
        ),
    )


def _joined(sides: Sequence[ExplainedText], text: str) -> ExplainedText:
    """Return a text with the words of all its chunks, a word of several once."""
    words: dict[Span, list[Word]] = {}
    for side in sides:
        for word in side.words:
            words.setdefault((word.start, word.end), []).append(word)
    signed = all(word.contribution is not None for several in words.values() for word in several)
    adds = {
        span: sum(word.contribution or 0.0 for word in several) / len(sides)
        for span, several in words.items()
    }
    raw = {span: [word.raw_contribution for word in several] for span, several in words.items()}
    greatest = max(map(abs, adds.values()), default=0.0) or 1.0
    merged = tuple(
        replace(
            several[0],
            saliency=adds[span] / greatest
            if signed
            else sum(word.saliency for word in several) / len(several),
            contribution=adds[span] if signed else None,
            raw_contribution=None
            if any(one is None for one in raw[span])
            else sum(one or 0.0 for one in raw[span]) / len(sides),
        )
        for span, several in sorted(words.items())
    )
    return ExplainedText(text, merged, len(find_words(text)) - len(merged))


PlaceOf = Callable[[Explanation, int, int], int]
"""Of a word of one explanation, which side and its index there: its index in the whole text."""


def _mean_matrix(
    found: Sequence[Explanation], place_of: PlaceOf, shape: tuple[int, int]
) -> tuple[tuple[float, ...], ...] | None:
    """Return what each pair of words adds on average; None where the method does not say that."""
    whole = np.zeros(shape)
    for one in found:
        if one.matrix is None:
            return None
        rows = [place_of(one, 0, n) for n in range(len(one.left.words))]
        columns = [place_of(one, 1, n) for n in range(len(one.right.words))]
        whole[np.ix_(rows, columns)] += one.matrix / len(found)
    return tuple(map(tuple, whole.tolist()))


def _mean_matches(
    found: Sequence[Explanation],
    place_of: PlaceOf,
    matrix: tuple[tuple[float, ...], ...] | None,
) -> list[WordPair]:
    """Return the matches of all, a pair of words once, with what it adds on average."""
    scores: dict[tuple[int, int], list[WordPair]] = {}
    for one in found:
        for pair in one.matches:
            place = place_of(one, 0, pair.left), place_of(one, 1, pair.right)
            scores.setdefault(place, []).append(pair)
    matches = []
    for (left, right), pairs in scores.items():
        score = sum(pair.score for pair in pairs) / len(found)
        if matrix is not None:
            score = matrix[left][right]
        similarity = sum(pair.similarity for pair in pairs) / len(pairs)
        matches.append(WordPair(left, right, similarity, score))
    return matches


def _mean_terms(found: Sequence[Explanation], place_of: PlaceOf) -> tuple[Term, ...] | None:
    """Return the terms of all, with what each adds on average; None where there are none."""
    terms = []
    for one in found:
        if one.terms is None:
            return None
        for term in one.terms:
            terms.append(
                replace(
                    term,
                    left=None if term.left is None else place_of(one, 0, term.left),
                    right=None if term.right is None else place_of(one, 1, term.right),
                    product=term.product / len(found),
                )
            )
    return tuple(sorted(terms, key=lambda term: -term.product))
