"""Passages ranked for one query by one scorer, and what carries the scores of the first ones."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING

from whyalike.chain import signed
from whyalike.comparison import Comparison
from whyalike.data.items import Item
from whyalike.deletions import usual_check
from whyalike.errors import FormatError, OptionError, TextError
from whyalike.explanation import Explanation, TextChunk
from whyalike.highlighting import highlight_passages
from whyalike.models.scorer import ChunkedScore, KnownScores, score_in_chunks, scores_of
from whyalike.options import BTIOptions, Chunks, check_whole, without_chunks
from whyalike.pair_columns import passages_of
from whyalike.ranking import CarryingSentence, RankedPassage, Ranking, Size, SizeRank
from whyalike.sentences import split_sentences
from whyalike.texts import clean_text, find_words, is_mark

if TYPE_CHECKING:
    from whyalike.explainer import Explainer

AT_ONCE = 1024
"""Passages scored between two signs of progress; the query is read once for so many."""

EXPLAINED_AT_ONCE = 128
"""Passages explained between two signs of progress, where that is what scores them."""

CANDIDATES = 2
"""Sentences of a passage that are deleted to see what the score loses: the first of those that
answer the query, besides the one whose words add most."""

Progress = Callable[[int, int], object]
"""Is called with how many of how many passages are scored."""


@dataclass(slots=True)
class _Passage:
    id: str
    title: str
    text: str


def rank_passages(
    explainer: "Explainer",
    query: str,
    passages: Iterable[str | Item],
    *,
    ids: Sequence[str | int] | None,
    right: str | int | None,
    explain: int,
    method: str | None,
    sentences: bool | None,
    sizes: Sequence[Size],
    progress: Progress | None,
) -> Ranking:
    """Return a query's passages, best first; see ``Explainer.rank`` for arguments and errors."""
    check_whole("explain", explain, least=0)
    asked = clean_text(query, side="query").text
    if not asked.strip():
        raise OptionError("The query is blank: give one with words.")
    everything = read_passages(passages, ids)
    right = None if right is None else _id(right, "right")
    known = {each.id for each in everything}
    if right is not None and right not in known:
        shown = ", ".join(repr(each.id) for each in everything[:5])
        raise OptionError(
            f"right is {right!r}, and no passage has this id; they are {shown}"
            f"{' and so on' if len(known) > 5 else ''}."
        )
    if sizes and right is None:
        raise OptionError(
            "sizes says where the right passage would stand: say with right= which that is."
        )
    wanted_sizes = [_size(each) for each in sizes]
    explaining = signed(explainer) if method is None else explainer.with_method(method)
    explained: dict[str, Explanation] = {}
    if explain >= len(everything) and "gradients" in explainer.model.capabilities:
        explained = _explain_all(explaining, asked, everything, progress)
        scored = [_score_of(explained[each.text]) for each in everything]
    else:
        scored = _score(explainer, asked, everything, progress)
    tied = Counter(score for score, _ in scored)
    # Sorting is stable: of equal scores, the order that was given stays.
    order = sorted(range(len(everything)), key=lambda n: -scored[n][0])
    found = [
        RankedPassage(
            everything[n].id,
            everything[n].title,
            everything[n].text,
            rank,
            scored[n][0],
            tied[scored[n][0]],
            scored[n][1],
        )
        for rank, n in enumerate(order, start=1)
    ]
    chosen = [n for n, each in enumerate(found) if n < explain or (n and each.id == right)]
    if not explain:
        chosen = []
    elif right is not None and 0 not in chosen:
        chosen.insert(0, 0)
    if not explained:
        texts = list(dict.fromkeys(found[n].text for n in chosen))
        those = explaining.explain_many((asked, text) for text in texts)
        explained = dict(zip(texts, those, strict=True))
    reasons = [explained[found[n].text] for n in chosen]
    if sentences is None:
        sentences = usual_check(explainer.model) > 0
    carrying = carrying_sentences(explaining, reasons, measured=sentences)
    for n, explanation, sentence in zip(chosen, reasons, carrying, strict=True):
        found[n] = replace(found[n], explanation=explanation, sentence=sentence)
    comparison, notes = _compare(found, right)
    return Ranking(
        query=asked,
        model=explainer.model.name,
        similarity_function=explainer.model.similarity_function,
        method=explaining.method.name if chosen else None,
        long_text=_say_reading(explainer.options),
        passages=tuple(found),
        right=right,
        comparison=comparison,
        sizes=tuple(_rank_by_size(explainer, asked, everything, right, wanted_sizes)),
        notes=(*_notes(asked, found, len(chosen), reasons), *notes),
    )


def read_passages(
    passages: Iterable[str | Item], ids: Sequence[str | int] | None = None
) -> list[_Passage]:
    """Return passages with their ids: numbers from 1 where they have none.

    Raises
    ------
    OptionError
        There are none, or they are a whole table; ids of another number, or two of one id.
    TextError
        A passage is no text, or a blank one.
    """
    given = passages_of(passages)
    if not given:
        raise OptionError("There are no passages: give one or more to rank.")
    names = None if ids is None or isinstance(ids, str) else list(ids)
    if ids is not None and (names is None or len(names) != len(given)):
        said = "ids is one text"
        if names is not None:
            said = "There is 1 id" if len(names) == 1 else f"There are {len(names):,} ids"
        raise OptionError(f"{said}, and passages are {len(given):,}: give an id for each.")
    found: list[_Passage] = []
    seen: set[str] = set()
    for number, one in enumerate(given, start=1):
        if isinstance(one, Item):
            each = _Passage(one.id, one.title, one.text)
        else:
            each = _Passage(str(number), "", clean_text(one, side=f"passage {number}").text)
        if names is not None:
            each.id = _id(names[number - 1], f"ids[{number - 1}]")
        if not each.text.strip():
            raise TextError(f"The passage {each.id!r} is blank: leave it out, or give its text.")
        if each.id in seen:
            raise OptionError(f"Two passages have the id {each.id!r}: give each its own.")
        seen.add(each.id)
        found.append(each)
    return found


def _id(given: object, name: str) -> str:
    """Return an id as text; whole numbers are ids, too."""
    if isinstance(given, Integral) and not isinstance(given, bool):
        return str(given)
    if not isinstance(given, str):
        raise OptionError(
            f"{name} is of type {type(given).__name__}; give a text or a whole number."
        )
    return clean_text(given, side=name).text


def _score(
    explainer: "Explainer", query: str, passages: Sequence[_Passage], progress: Progress | None
) -> list[tuple[float, TextChunk | None]]:
    """Return the score of each passage, and the chunk that gave it where it was read in several."""
    unique = list(dict.fromkeys(each.text for each in passages))
    found: dict[str, tuple[float, TextChunk | None]] = {}
    reading = explainer.options.reading
    for start in range(0, len(unique), AT_ONCE):
        some = unique[start : start + AT_ONCE]
        pairs = [(query, text) for text in some]
        if isinstance(reading, Chunks):
            by_chunks = score_in_chunks(
                explainer.model, pairs, prompts=explainer.prompts, chunks=reading
            )
            found.update(
                (text, (each.score, _chunk(each, reading)))
                for text, each in zip(some, by_chunks, strict=True)
            )
        else:
            scores = scores_of(explainer.model, pairs, prompts=explainer.prompts, long_text=reading)
            found.update((text, (score, None)) for text, score in zip(some, scores, strict=True))
        if progress is not None:
            progress(start + len(some), len(unique))
    return [found[each.text] for each in passages]


def _explain_all(
    explainer: "Explainer", query: str, passages: Sequence[_Passage], progress: Progress | None
) -> dict[str, Explanation]:
    """Return the explanation of each text: the pass that explains a pair scores it too."""
    unique = list(dict.fromkeys(each.text for each in passages))
    found: dict[str, Explanation] = {}
    for start in range(0, len(unique), EXPLAINED_AT_ONCE):
        some = unique[start : start + EXPLAINED_AT_ONCE]
        those = explainer.explain_many((query, text) for text in some)
        found.update(zip(some, those, strict=True))
        if progress is not None:
            progress(len(found), len(unique))
    return found


def _score_of(explanation: Explanation) -> tuple[float, TextChunk | None]:
    """Return what ``_score`` gives of a passage, as its explanation says it."""
    return explanation.similarity, explanation.right.chunk


def _chunk(score: ChunkedScore, chunks: Chunks) -> TextChunk | None:
    """Return the right text's chunk that gave a score; None for a mean, and for one chunk."""
    spans, place = score.spans[1], score.best[1]
    if chunks.score == "mean" or len(spans) == 1:
        return None
    return TextChunk(place + 1, len(spans), *spans[place])


def _size(size: Size) -> int | None:
    if size == "whole":
        return None
    if type(size) is not int or size < 1:
        raise OptionError(
            f"sizes has {size!r}; give whole numbers of tokens from 1 on, or 'whole'."
        )
    return size


def _rank_by_size(
    explainer: "Explainer",
    query: str,
    passages: Sequence[_Passage],
    right: str | None,
    sizes: Sequence[int | None],
) -> list[SizeRank]:
    """Return where the right passage would stand with chunks of each size."""
    found = []
    overlap = explainer.options.chunk_overlap
    plain = replace(explainer.options, long_text="truncate", chunk_size=None, chunk_overlap=0)
    for size in dict.fromkeys(sizes):
        options: BTIOptions = replace(plain, chunk_score="max")
        if size is not None:
            options = replace(
                options,
                long_text="chunks",
                chunk_size=size,
                chunk_overlap=min(overlap, size - 1),
            )
        scored = _score(explainer.with_options(options), query, passages, None)
        order = sorted(range(len(passages)), key=lambda n: -scored[n][0])
        place = next(n for n, each in enumerate(passages) if each.id == right)
        score, chunk = scored[place]
        rank = order.index(place) + 1
        first = order[0]
        found.append(SizeRank(size, rank, score, chunk, passages[first].id, scored[first][0]))
    return found


def carrying_sentences(
    explainer: "Explainer", explanations: Sequence[Explanation], *, measured: bool
) -> list[CarryingSentence | None]:
    """Return for each explanation the sentence of its right text that carries the score.

    A few sentences are candidates: those that answer the query best, as ``highlight`` has it, and
    the one whose words add most. The one is taken whose deletion costs the score most, the rest of
    what was read staying as it is. All variants of all passages go to the model together.

    Parameters
    ----------
    explainer : Explainer
        Whose score it is.
    explanations : sequence of Explanation
        Of a query, left, and a passage, right.
    measured : bool
        Whether the model is asked. Otherwise it is the sentence whose words add most; of a method
        without signs, whose words matter most.
    """
    if not explanations:
        return []
    spans = [_sentences_read(one) for one in explanations]
    if not measured:
        return [
            None
            if not of_one
            else CarryingSentence(
                *max(of_one, key=lambda s: _adds(one, s)), None, None, len(of_one)
            )
            for one, of_one in zip(explanations, spans, strict=True)
        ]
    highlights = highlight_passages(
        explainer.model,
        explanations[0].left.text,
        [one.right.text[one.right.read_from : one.right.read_until] for one in explanations],
        prompts=explainer.prompts,
        options=without_chunks(explainer.options),
        budget=None,
        sentences=[
            [(start - one.right.read_from, end - one.right.read_from) for start, end in of_one]
            for one, of_one in zip(explanations, spans, strict=True)
        ],
        lead=False,
    )
    candidates, similarities = [], []
    for one, of_one, found_in in zip(explanations, spans, highlights, strict=True):
        start = one.right.read_from
        places = {(s.start + start, s.end + start): s for s in found_in.ranked}
        by_words = sorted(of_one, key=lambda s: -_adds(one, s))
        best = dict.fromkeys([*list(places)[:CANDIDATES], *by_words[:1]])
        candidates.append(list(best))
        similarities.append({span: sentence.similarity for span, sentence in places.items()})
    without = _scores(
        explainer,
        [
            (one.left.text, rest)
            for one, of_one in zip(explanations, candidates, strict=True)
            for span in of_one
            if (rest := _without(one, span))
        ],
    )
    found: list[CarryingSentence | None] = []
    for one, all_spans, few, own in zip(explanations, spans, candidates, similarities, strict=True):
        query = one.left.text
        falls = {
            span: one.similarity - without[query, rest]
            for span in few
            if (rest := _without(one, span))
        }
        if not few:
            found.append(None)
            continue
        start, end = max(falls, key=lambda s: falls[s]) if falls else few[0]
        fall = falls.get((start, end))
        found.append(CarryingSentence(start, end, fall, own.get((start, end)), len(all_spans)))
    return found


def _sentences_read(explanation: Explanation) -> list[tuple[int, int]]:
    """Return the sentences of the right text, as far as the score reads them."""
    side = explanation.right
    start, end = side.read_from, side.read_until
    spans = [(first + start, last + start) for first, last in split_sentences(side.text[start:end])]
    return [
        span
        for span in spans
        if not all(is_mark(side.text[slice(*word)]) for word in _words_of(side.text, span))
    ]


def _words_of(text: str, span: tuple[int, int]) -> list[tuple[int, int]]:
    return [(a + span[0], b + span[0]) for a, b in find_words(text[slice(*span)])]


def _adds(explanation: Explanation, span: tuple[int, int]) -> float:
    """Return what the words of a sentence add; of a method without signs, how much they matter."""
    inside = [w for w in explanation.right.words if span[0] <= w.start and w.end <= span[1]]
    if all(word.contribution is not None for word in inside):
        return sum(word.contribution or 0.0 for word in inside)
    return sum(word.saliency for word in inside) / max(1, len(inside))


def _most(explanation: Explanation, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the sentence whose words add most."""
    return max(spans, key=lambda span: _adds(explanation, span))


def _without(explanation: Explanation, span: tuple[int, int]) -> str:
    """Return what was read of the right text without a sentence; empty where nothing is left."""
    side = explanation.right
    before, after = side.text[side.read_from : span[0]], side.text[span[1] : side.read_until]
    rest = f"{before.rstrip()} {after.lstrip()}".strip()
    return "" if all(is_mark(rest[slice(*word)]) for word in find_words(rest)) else rest


def _scores(explainer: "Explainer", pairs: Sequence[tuple[str, str]]) -> KnownScores:
    """Return the scores of pairs of a query and a part of a passage, no longer than was read."""
    reading = explainer.options.reading
    if isinstance(reading, Chunks) and reading.score == "max":
        reading = "truncate"  # A part of the best chunk, which stays as it is cut.
    found = KnownScores(explainer.model, prompts=explainer.prompts, long_text=reading)
    found.ask(pairs)
    return found


def _compare(
    found: Sequence[RankedPassage], right: str | None
) -> tuple[Comparison | None, tuple[str, ...]]:
    """Return the comparison of the right passage with the first one, or why there is none."""
    if right is None or found[0].id == right:
        return None, ()
    better = next(each.explanation for each in found if each.id == right)
    worse = found[0].explanation
    if better is None or worse is None:
        return None, ()
    try:
        return Comparison(better=better, worse=worse), ()
    except FormatError as error:
        return None, (f"The right passage is not compared with the first word by word: {error}",)


def _notes(
    query: str, found: Sequence[RankedPassage], explained: int, reasons: Sequence[Explanation]
) -> list[str]:
    notes = []
    if explained < len(found):
        which = "none is" if not explained else f"{explained:,} {'is' if explained == 1 else 'are'}"
        notes.append(f"All {len(found):,} passages are scored, and {which} explained.")
    theirs = set().union(*(_scripts(each.text[:2000]) for each in found))
    mine = _scripts(query)
    if mine and theirs and not mine & theirs:
        notes.append(
            f"The query is written in {_listed(mine)} letters, and the passages in "
            f"{_listed(theirs)} ones: a model of one language scores such pairs by chance."
        )
    unread = sum(bool(one.right.unread_words) and one.right.chunk is None for one in reasons)
    if unread:
        those = "1 explained passage" if unread == 1 else f"{unread:,} explained passages"
        notes.append(
            f"The model did not read {those} to the end: what stands there has no part in the "
            "score. long_text='chunks' scores each chunk."
        )
    said = [one.warnings for one in reasons]
    of_query = [w for w in (said[0] if said else ()) if "the left text" in w]
    notes += [
        w.replace("the left text", "the query") for w in of_query if all(w in s for s in said)
    ]
    return notes


def _scripts(text: str) -> set[str]:
    """Return the scripts of the letters of a text, as Unicode names them."""
    names = {
        unicodedata.name(letter, "").partition(" ")[0] for letter in set(text) if letter.isalpha()
    }
    return {name if name in ABBREVIATED else name.capitalize() for name in names if name}


ABBREVIATED = frozenset({"CJK"})
"""Scripts whose names stay in capitals."""


def _listed(names: set[str]) -> str:
    ordered = sorted(names)[:3]
    return " and ".join(filter(None, (", ".join(ordered[:-1]), ordered[-1])))


def _say_reading(options: BTIOptions) -> str:
    """Return how long passages are read, in words."""
    reading = options.reading
    if not isinstance(reading, Chunks):
        return reading
    size = "what the model reads" if reading.size is None else f"{reading.size:,} tokens"
    shared = f", {reading.overlap:,} shared" if reading.overlap else ""
    return f"chunks of {size}{shared}, {reading.score}"
