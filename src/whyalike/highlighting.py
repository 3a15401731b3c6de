"""Highlights measured: which sentences of a passage answer a query, and by which of its words.

A model that pools the states of its tokens reads the passage once, whatever the number of
sentences: they are read in their context (late chunking: Günther et al. 2024). Three views of that
one pass, each standardised over the passage's sentences, have equal weight:

- the cosine of the query's mean state and the sentence's
- how well each token of the query finds one like it in the sentence (MaxSim: Khattab and Zaharia
  2020), after the passage's mean was taken off: what all its tokens share tells no two apart
- by how much the cosine of query and passage falls once the sentence's states are taken out of the
  passage's mean, at two thirds of the depth, where states have not yet spread over the passage

What gives no such states scores each sentence as a text of its own.

A heading in Markdown says again what the text below it is about, and would win over the answer. It
is read with the passage, and has a score; but it is ranked behind all sentences, which are
standardised without it, and is kept where a sentence of its section is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from whyalike.arrays import Floats, products
from whyalike.errors import OptionError, TextError
from whyalike.highlights import Highlights, Reading, ScoredSentence, Span
from whyalike.models.encoder import Encoder
from whyalike.models.pipeline import TokenPair
from whyalike.models.scorer import Scorer, scores_of
from whyalike.models.tokens import TokenizedText
from whyalike.models.word_states import WITH_STATES, TextWords, states_of, words_of
from whyalike.options import GradientOptions, LongText, MethodOptions, check_whole
from whyalike.sentences import find_headings, split_sentences
from whyalike.similarity import comparable
from whyalike.texts import clean_text

Offsets = Sequence[tuple[int, int]]
Mask = npt.NDArray[np.bool_]

SAME_MEANING = 0.5
"""Least cosine of two words' vectors, after the mean of both texts' words was taken off."""


def highlight_passages(
    model: Scorer,
    query: str,
    passages: Sequence[str],
    *,
    prompts: tuple[str, str],
    options: MethodOptions,
    budget: int | None,
    sentences: Sequence[Offsets] | None,
    lead: bool,
    language: str | None = None,
) -> list[Highlights]:
    """Return the highlights of passages; see ``Explainer.highlight`` for the arguments.

    The query is read once. Equal passages are read once. ``sentences`` are those of each passage.
    """
    if budget is not None:
        check_whole("budget", budget)
    asked = clean_text(query, side="query")
    if not asked.text.strip():
        raise OptionError("The query is blank: give one with words.")
    cleaned = [clean_text(text, side="passage") for text in passages]
    texts = [each.text for each in cleaned]
    cut = (
        [split_sentences(text, language=language) for text in texts]
        if sentences is None
        else [_checked(text, own) for text, own in zip(texts, sentences, strict=True)]
    )
    headings = [_headings(text, own) for text, own in zip(texts, cut, strict=True)]
    in_context = model.capabilities >= WITH_STATES
    measure = _in_context if in_context else _alone
    found = measure(
        *(model, asked.text, texts, cut, headings), prompts=prompts, options=options, lead=lead
    )
    return [
        _put_together(
            asked.text,
            text,
            own,
            of_headings,
            measured,
            model=model.name,
            reading=_reading(measured, in_context),
            budget=budget,
            warnings=asked.warnings + clean.warnings,
        )
        for text, own, of_headings, measured, clean in zip(
            texts, cut, headings, found, cleaned, strict=True
        )
    ]


def _reading(measured: "_Measured", in_context: bool) -> Reading:
    if not in_context:
        return "each sentence alone"
    return "windows" if measured.windows else "one pass"


def _checked(text: str, spans: Offsets) -> list[tuple[int, int]]:
    """Return given sentences, blank ones left out. Raises OptionError on what is none."""
    at = 0
    for start, end in spans:
        if not at <= start <= end <= len(text):
            raise OptionError(
                f"sentences has ({start}, {end}), and the passage has {len(text)} characters: give "
                "(start, end) of each sentence, in order and without overlap."
            )
        at = end
    return [(start, end) for start, end in spans if text[start:end].strip()]


def _headings(text: str, sentences: Offsets) -> Mask:
    """Return (S,): which sentences are a heading in Markdown; none where all would be."""
    spans = find_headings(text) if len(sentences) > 1 else []
    inside = [any(a <= start and end <= b for a, b in spans) for start, end in sentences]
    return np.array(inside, dtype=bool) & (not all(inside))


@dataclass(frozen=True, eq=False)
class _Measured:
    """What was found of S sentences of a passage.

    scores, similarities: (S,). similarity: of the whole passage, if it is known. unread: from where
    on nothing was read. windows: whether the passage was read in several.
    """

    query: TextWords
    passage: TextWords
    scores: Floats
    similarities: Floats
    similarity: float | None = None
    unread: int | None = None
    windows: bool = False


def _in_context(
    model: Scorer,
    query: str,
    passages: Sequence[str],
    sentences: Sequence[Offsets],
    headings: Sequence[Mask],
    *,
    prompts: tuple[str, str],
    options: MethodOptions,
    lead: bool,
) -> list[_Measured]:
    """Measure sentences by one pass over each passage, in windows where it is long."""
    encoder = cast("Encoder", model)
    unique = list(dict.fromkeys(text for text in passages if text.strip()))
    long_text: LongText = "error" if options.long_text == "error" else "windows"
    asked = encoder.tokenize([query], prompt=prompts[0], long_text=long_text)[0]
    read = encoder.tokenize(unique, prompt=prompts[1], long_text=long_text) if unique else []
    if refused := next((each for each in (asked, *read) if each.refusal), None):
        raise TextError(refused.refusal)
    found: dict[str, _Read] = {}
    question: tuple[Floats, Floats] = np.zeros((0, 1)), np.zeros((0, 1))
    left = words_of(query, None, None)
    for start in range(0, len(unique), PASSAGES_AT_ONCE):
        some = read[start : start + PASSAGES_AT_ONCE]
        done = encoder.run(
            [TokenPair(asked, text) for text in some],
            options=GradientOptions(),
            point=round(2 * encoder.depth / 3),
            gradient=False,
        )
        question, *states = states_of(done, [asked, *some])
        for text, (middle, last), score in zip(some, states, done.similarity, strict=True):
            found[text.text] = _Read(text, middle, last, float(score))
        left = words_of(query, asked, question[1])
    return [
        _views(found.get(text), text, cut, question, left, ranked=~of_headings, lead=lead)
        for text, cut, of_headings in zip(passages, sentences, headings, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Read:
    """A passage as one pass read it: its T tokens' states (T, H) at two depths, and its score."""

    tokens: TokenizedText
    middle: Floats
    last: Floats
    score: float


def _views(
    read: _Read | None,
    text: str,
    sentences: Offsets,
    question: tuple[Floats, Floats],
    left: TextWords,
    *,
    ranked: Mask,
    lead: bool,
) -> _Measured:
    """Return the sentences of a passage by what one pass over it says of them.

    ``ranked`` (S,) are those that are no headings: views are standardised over them.
    """
    nothing = np.zeros(len(sentences))
    if read is None or not (len(question[1]) and len(read.last)):
        words = words_of(text, None, None)
        return _Measured(left, words, nothing, nothing)
    offsets = read.tokens.offsets
    inside = [(offsets[:, 0] >= start) & (offsets[:, 0] < end) for start, end in sentences]
    near = np.array([_cosine(question[1].mean(axis=0), _mean(read.last, own)) for own in inside])
    views = [
        near,
        _max_sim(question[1], read.last, inside),
        _falls(question[0].mean(axis=0), read.middle, inside),
    ]
    if lead:
        views.append(-np.log1p(np.maximum(np.cumsum(ranked) - 1, 0)))
    return _Measured(
        left,
        words_of(text, read.tokens, read.last),
        np.mean([_standardised(view, ranked) for view in views], axis=0),
        near,
        read.score if len(read.tokens.rows) == 1 else None,
        _end(read.tokens),
        len(read.tokens.rows) > 1,
    )


def _mean(states: Floats, chosen: Any) -> Floats:
    """Return the mean (H,) of the chosen states (T, H); zeros of none."""
    mean: Floats = states[chosen].mean(axis=0) if chosen.any() else np.zeros(states.shape[1])
    return mean


def _cosine(one: Floats, other: Floats) -> float:
    return float(comparable(one, function="cosine") @ comparable(other, function="cosine"))


def _max_sim(query: Floats, passage: Floats, inside: Sequence[Any]) -> Floats:
    """Return (S,): the mean, over the query's tokens, of the best cosine with one of a sentence."""
    mean = passage.mean(axis=0)
    cosines = products(
        comparable(query - mean, function="cosine"), comparable(passage - mean, function="cosine")
    )
    best = (cosines[:, own].max(axis=1).mean() if own.any() else -1.0 for own in inside)
    return np.array(list(best), dtype=np.float64)


def _falls(query: Floats, passage: Floats, inside: Sequence[Any]) -> Floats:
    """Return (S,): by how much the cosine with the passage's mean falls without a sentence."""
    whole = _cosine(query, passage.mean(axis=0))
    without = (_cosine(query, _mean(passage, ~own)) for own in inside)
    return np.array([whole - cosine for cosine in without], dtype=np.float64)


def _standardised(values: Floats, ranked: Mask) -> Floats:
    """Return values in standard deviations from the mean of those that are ranked.

    Zeros where these are all the same.
    """
    spread = values[ranked].std()
    found: Floats = (values - values[ranked].mean()) / (spread if spread > ROUNDING else np.inf)
    return found


ROUNDING = 1e-9

PASSAGES_AT_ONCE = 32
"""Passages whose tokens' states are held at once."""


def _end(text: TokenizedText) -> int | None:
    """Return from where on nothing of a text was read; None where all was."""
    return int(text.offsets[:, 1].max(initial=0)) if text.truncated else None


def _alone(
    model: Scorer,
    query: str,
    passages: Sequence[str],
    sentences: Sequence[Offsets],
    headings: Sequence[Mask],
    *,
    prompts: tuple[str, str],
    options: MethodOptions,
    lead: bool,
) -> list[_Measured]:
    """Measure sentences as texts of their own, equal ones once, all in one batch."""
    del options, lead, headings
    alone = [
        [text[start:end] for start, end in cut]
        for text, cut in zip(passages, sentences, strict=True)
    ]
    unique = list(dict.fromkeys(piece for own in alone for piece in own))
    scores = scores_of(model, [(query, each) for each in unique], prompts=prompts) if unique else []
    score_of = dict(zip(unique, scores, strict=True))
    left = words_of(query, None, None)
    measured = []
    for text, own in zip(passages, alone, strict=True):
        found = np.array([score_of[piece] for piece in own], dtype=np.float64)
        measured.append(_Measured(left, words_of(text, None, None), found, found))
    return measured


def _spans(query: TextWords, passage: TextWords) -> tuple[Span, ...]:
    """Return the content words of a passage that go with one of the query, in order."""
    by_form: dict[str, int] = {}
    for n in sorted(query.content):
        by_form.setdefault(query.form(n), n)
    near = _similar_words(query, passage)
    found = []
    for n in sorted(passage.content):
        same = by_form.get(passage.form(n))
        if same is not None:
            found.append(Span(*passage.spans[n], 1.0, "same word", query.spans[same]))
        elif near is not None and n in near:
            partner, cosine = near[n]
            found.append(Span(*passage.spans[n], cosine, "same meaning", query.spans[partner]))
    return tuple(found)


def _similar_words(query: TextWords, passage: TextWords) -> dict[int, tuple[int, float]] | None:
    """Return by a word of the passage its nearest of the query and their cosine, where near."""
    if query.vectors is None or passage.vectors is None:
        return None
    left, right = sorted(query.content), sorted(passage.content)
    if not left or not right:
        return {}
    mean = np.concatenate([query.vectors, passage.vectors]).mean(axis=0)
    cosines = products(
        comparable(query.vectors[left] - mean, function="cosine"),
        comparable(passage.vectors[right] - mean, function="cosine"),
    )
    best = cosines.argmax(axis=0)
    return {
        word: (left[best[column]], min(float(cosines[best[column], column]), 1.0))
        for column, word in enumerate(right)
        if cosines[best[column], column] >= SAME_MEANING
    }


def _put_together(
    query: str,
    passage: str,
    sentences: Offsets,
    headings: Mask,
    measured: _Measured,
    *,
    model: str,
    reading: Reading,
    budget: int | None,
    warnings: tuple[str, ...],
) -> Highlights:
    counts = [
        sum(start <= first and last <= end for first, last in measured.passage.spans)
        for start, end in sentences
    ]
    kept, too_long = _within(measured.scores, counts, headings, budget)
    return Highlights(
        query=query,
        passage=passage,
        model=model,
        similarity=measured.similarity,
        reading=reading,
        sentences=tuple(
            ScoredSentence(*span, float(score), float(near), count, n in kept, bool(headings[n]))
            for n, (span, score, near, count) in enumerate(
                zip(sentences, measured.scores, measured.similarities, counts, strict=True)
            )
        ),
        spans=_spans(measured.query, measured.passage),
        budget=budget,
        unread=measured.unread,
        warnings=(*warnings, *too_long),
    )


def _within(
    scores: Floats, counts: Sequence[int], headings: Mask, budget: int | None
) -> tuple[frozenset[int], tuple[str, ...]]:
    """Return which sentences are kept within so many words, the best first, and what to say of it.

    One that is too long for what is left is passed over, but for the best: that is always kept.
    With a sentence the heading of its section is kept, where both fit.
    """
    if budget is None:
        return frozenset(range(len(counts))), ()
    kept: set[int] = set()
    left = budget
    said: tuple[str, ...] = ()
    above: list[int | None] = []
    for n in range(len(counts)):
        above.append(n if headings[n] else above[-1] if above else None)
    ranked = [n for n in range(len(counts)) if not headings[n]]
    for n in sorted(ranked, key=lambda n: -scores[n]):
        if counts[n] <= left:
            kept.add(n)
            left -= counts[n]
            heading = above[n]
            if heading is not None and heading not in kept and counts[heading] <= left:
                kept.add(heading)
                left -= counts[heading]
        elif not kept:
            kept.add(n)
            left = 0
            said = (
                f"The best sentence has {counts[n]:,} words, and the budget is {budget:,}: it is "
                "kept whole, and nothing else.",
            )
    return frozenset(kept), said
