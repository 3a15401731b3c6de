"""From word saliency to the object that users hold: words matched, pairs selected."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from whyalike.arrays import PairSaliency, WordSaliency
from whyalike.explanation import (
    BackgroundScore,
    ExplainedText,
    Explanation,
    ScoreKind,
    StoredVectors,
    Word,
    of_columns,
)
from whyalike.matching import (
    MatchArrays,
    match_by_contribution,
    match_mutually,
    match_words,
    soft_matches,
    unmatched_words,
)
from whyalike.options import BTIOptions, Matching, Selection
from whyalike.selection import best_first, select_pairs
from whyalike.texts import is_mark


@dataclass(frozen=True, slots=True)
class ExplainedBy:
    """Whose score was explained, and how.

    shares: whether a pair's score is a share of what its words add, so that there is a remainder.
    """

    similarity_function: ScoreKind
    method: str
    model: str
    pooling: str
    prompts: tuple[str, str]
    matching: Matching
    selection: Selection
    shares: bool


@dataclass(frozen=True, slots=True)
class ReadText:
    """A text, and how many of its words the model did not read.

    cut: the words that it did read, where they are known already.
    """

    text: str
    unread_words: int = 0
    cut: tuple[str, ...] | None = None

    def words(self, side: WordSaliency) -> tuple[str, ...]:
        """Return the words that the model read, W of them."""
        if self.cut is not None:
            return self.cut
        return tuple([self.text[start:end] for start, end in side.spans])


def explanation_of(
    left: ReadText,
    right: ReadText,
    saliency: PairSaliency,
    *,
    by: ExplainedBy,
    options: BTIOptions,
    warnings: tuple[str, ...],
    background: BackgroundScore | None = None,
    common: Collection[str] = (),
    stored: StoredVectors | None = None,
) -> Explanation:
    """Match, select, and put everything into one object.

    Parameters
    ----------
    left : ReadText
        The left text as it was read.
    right : ReadText
        The right text as it was read.
    saliency : PairSaliency
        What the method found.
    by : ExplainedBy
        The model and the method.
    options : BTIOptions
        The user's choices, as they are recorded.
    warnings : tuple[str, ...]
        What is to be said.
    background : BackgroundScore, optional
        Where the similarity stands among those of a background.
    common : collection of str, default=()
        Words, in lower case, that most texts of the background have.
    stored : StoredVectors, optional
        The stored vectors that the words' contributions come from.
    """
    matches = match(saliency, matching=by.matching, union=options.union).pairs()
    words = left.words(saliency.left), right.words(saliency.right)
    unmatched = unmatched_words(matches, saliency.left, saliency.right)
    matrix, remainder = saliency.matrix, saliency.remainder
    if matrix is None and by.shares:
        remainder = saliency.similarity - sum(pair.score for pair in matches)
    return Explanation(
        similarity=saliency.similarity,
        similarity_function=by.similarity_function,
        method=by.method,
        model=by.model,
        pooling=by.pooling,
        left=_explained(left, words[0], saliency.left, unmatched[0]),
        right=_explained(right, words[1], saliency.right, unmatched[1]),
        pairs=select_pairs(
            matches,
            *words,
            selection=by.selection,
            options=options,
            common=common,
        ),
        matches=best_first(matches),
        warnings=warnings,
        completeness_gap=saliency.completeness_gap,
        pair_contributions=None if matrix is None else tuple(map(tuple, matrix.tolist())),
        remainder=remainder,
        options=options,
        prompts=by.prompts,
        parts=saliency.parts,
        terms=saliency.terms,
        background=background,
        stored=stored,
    )


def match(saliency: PairSaliency, *, matching: Matching, union: bool) -> MatchArrays:
    """Return the matches: by what pairs of words contribute, where the method says that."""
    left, right = saliency.left, saliency.right
    if saliency.matrix is not None:
        return MatchArrays.of(match_by_contribution(left, right, saliency.matrix, union=union))
    if matching == "nearest":
        return MatchArrays.of(match_words(left, right, union=union))
    if matching == "soft":
        return soft_matches(left, right)
    return MatchArrays.of(match_mutually(left, right))


def _explained(
    read: ReadText, words: Sequence[str], saliency: WordSaliency, unmatched: tuple[int, ...]
) -> ExplainedText:
    if not saliency.spans:
        return ExplainedText(read.text, (), read.unread_words, ())
    numbers = (saliency.saliency, saliency.contributions, saliency.raw)
    columns = ([None] * len(words) if one is None else one.tolist() for one in numbers)
    found = of_columns(Word, words, *zip(*saliency.spans, strict=True), *columns)
    # A comma without a partner is no reason for anything.
    telling = tuple(n for n in unmatched if not is_mark(words[n]))
    return ExplainedText(read.text, found, read.unread_words, telling)
