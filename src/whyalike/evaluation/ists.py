"""Agreement with the chunk alignments of iSTS: its files, chunks of our words, the measure."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from whyalike.arrays import Floats
from whyalike.errors import FormatError, OptionError
from whyalike.evaluation.gold import (
    Chosen,
    Link,
    Source,
    check_line,
    check_same_texts,
    damaged,
    is_place,
    links_at_blanks,
    read_each,
    read_lines,
    strengths_at_blanks,
    words_at_blanks,
)
from whyalike.evaluation.gold_counts import GoldScores, LinkCounts
from whyalike.evaluation.metrics import Metric
from whyalike.evaluation.perturbed import explanations_of, method_of
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation
from whyalike.options import check_choice
from whyalike.texts import find_words, is_mark
from whyalike.words import Rarity

Chunk = tuple[int, ...]
"""The words of a chunk by their places among the words at blanks, from 0."""

_SENTENCE = re.compile(r'<sentence id="([^"]*)"')
_TEXT = re.compile(r"//\s?")


@dataclass(frozen=True, slots=True)
class ChunkedPair:
    """Two texts cut into chunks, and which chunks people link.

    links: (left chunk, right chunk); a chunk here may be several of ``left_chunks`` together.
    Unlinked chunks are in no link. Words count from 0.
    """

    name: str
    left: str
    right: str
    left_chunks: tuple[Chunk, ...]
    right_chunks: tuple[Chunk, ...]
    links: tuple[tuple[Chunk, Chunk], ...]


def read_ists(
    path: Source, *, chunks: tuple[Source, Source] | None = None, strict: bool = False
) -> tuple[ChunkedPair, ...]:
    """Read a .wa file with its gold chunks (Agirre et al. 2016).

    Words are those of the texts' own lines, split at blanks, as the official scorer reads them; the
    lists of words below them are not read. A line of the alignment is
    "words <==> words // type // score // comment", words from 1, and 0 for no chunk. Types and
    scores are not kept. A pair with a damaged line is left out, and a warning names the line.

    Parameters
    ----------
    path : Source
        A file such as ``STSint.input.headlines.wa``.
    chunks : tuple[Source, Source], optional
        The files with the chunks of the left and of the right texts, a text a line, each chunk in
        brackets: "[ A cat ] [ sleeps ]". By default those of the published names beside ``path``:
        ``STSint.input.headlines.sent1.chunk.txt`` and ``sent2``.

    strict : bool, default=False
        Raise on a damaged line instead.

    Raises
    ------
    FormatError
        A file can't be read, holds another number of pairs or no pair that is whole; or, where
        ``strict``, a line is damaged. The line is named.
    """
    files: Sequence[Source] = chunks if chunks is not None else _beside(Path(path))
    gold = _Reader(path, read_lines(path, what="chunk alignments"))
    places = gold.places()
    sides = [read_lines(file, what="chunks") for file in files]
    for file, lines in zip(files, sides, strict=True):
        if len(lines) != len(places):
            raise FormatError(f"{file} has {len(lines)} lines, and {path} has {len(places)} pairs.")

    def read(number: int, start: int, end: int) -> ChunkedPair:
        name, texts, links = gold.pair(start, end)
        left, right = (
            _chunks(lines[number], text, file, number + 1)
            for file, lines, text in zip(files, sides, texts, strict=True)
        )
        return ChunkedPair(name, texts[0], texts[1], left, right, links)

    readers = (partial(read, number, *place) for number, place in enumerate(places))
    return read_each(path, readers, name_of=lambda pair: pair.name, strict=strict)


Links = tuple[tuple[Chunk, Chunk], ...]
Parsed = tuple[str, tuple[str, str], Links]


class _Reader:
    """Reads the lines of a .wa file."""

    def __init__(self, path: Source, lines: Sequence[str]) -> None:
        self.path = path
        self.lines = lines

    def places(self) -> list[tuple[int, int]]:
        """Return where each pair starts and ends among the lines."""
        starts = [n for n, line in enumerate(self.lines) if _SENTENCE.match(line)]
        if not starts:
            raise FormatError(f'{self.path} has no <sentence id="...">; a .wa file has one a pair.')
        return list(zip(starts, [*starts[1:], len(self.lines)], strict=True))

    def pair(self, start: int, end: int) -> Parsed:
        """Return a pair's id, its texts and its links. Raises FormatError on a damaged line."""
        for number in range(start, end):
            check_line(self.lines[number], self.path, number + 1)
        match = _SENTENCE.match(self.lines[start])
        name = match.group(1) if match else ""
        texts = self._text(start + 1, end), self._text(start + 2, end)
        sizes = len(texts[0].split()), len(texts[1].split())
        links = [
            link
            for number in range(start + 3, end)
            if "<==>" in self.lines[number]
            for link in self._links(number, sizes)
        ]
        return name, texts, tuple(links)

    def _text(self, number: int, end: int) -> str:
        if number >= end or not _TEXT.match(self.lines[number]):
            raise damaged(
                self.path, number + 1, "the two texts of a pair stand below its id, after '// '."
            )
        return _TEXT.sub("", self.lines[number], count=1).strip()

    def _links(self, number: int, sizes: tuple[int, int]) -> list[tuple[Chunk, Chunk]]:
        """Return the link of a line, or none where one side has no chunk."""
        left, _, right = self.lines[number].partition("//")[0].partition("<==>")
        sides = [
            self._words(words, size, number)
            for words, size in zip((left, right), sizes, strict=True)
        ]
        return [(sides[0], sides[1])] if all(sides) else []

    def _words(self, text: str, size: int, number: int) -> Chunk:
        words = text.split()
        if not words or not all(is_place(word, size) for word in words):
            raise damaged(
                self.path,
                number + 1,
                f"{text.strip()!r} is no chunk of a text of {size} words; give their numbers from "
                "1 on, or 0 for no chunk.",
            )
        return tuple(int(word) - 1 for word in words if int(word))


def _beside(path: Path) -> list[Source]:
    return [path.with_name(f"{path.stem}.sent{side}.chunk.txt") for side in (1, 2)]


def _chunks(line: str, text: str, path: Source, number: int) -> tuple[Chunk, ...]:
    """Return the chunks of a text.

    A bracket that opens inside a chunk begins the next one: a published line lacks its closing one.
    """
    check_line(line, path, number)
    chunks: list[list[int]] = []
    words: list[str] = []
    is_open = False
    for piece in line.split():
        if piece == "[":
            chunks.append([])
            is_open = True
        elif piece == "]" and is_open:
            is_open = False
        elif is_open:
            chunks[-1].append(len(words))
            words.append(piece)
        else:
            raise damaged(path, number, f"{piece!r} stands in no chunk; write [ and ] around it.")
    if words != text.split():
        raise damaged(
            path, number, f"its words are not those of the text: {' '.join(words)!r} and {text!r}."
        )
    return tuple(tuple(chunk) for chunk in chunks if chunk)


ChunkLinks = tuple[tuple[Chunk, Chunk], ...]
RELATIVE, THRESHOLD = 0.5, 0.2


def link_chunks(
    explanation: Explanation,
    pair: ChunkedPair,
    *,
    rarity: Rarity | None = None,
    chosen: Chosen = "matches",
    relative: float = RELATIVE,
    threshold: float = THRESHOLD,
) -> ChunkLinks:
    """Link chunks by how much of them their words' matches explain.

    The likeness of two chunks is

        Σ_w r(w) max(0, cos(w, best match of w in the other chunk)) / Σ_w r(w),

    over the words w of both, r their rarity (idf), and 0 for a word without a match there or a
    mark: BERTScore's F with idf (Zhang et al. 2020, section 3), of the matches only. Two chunks are
    linked where their likeness is above ``threshold``, and at least ``relative`` times the
    greatest that either has with any chunk; so a chunk may be linked with two, or with none.

    The two numbers are those that are best on the worst of the three parts of SemEval-2016, of its
    pairs at even places (from 0) only.

    Parameters
    ----------
    explanation : Explanation
        Of the pair's texts.
    pair : ChunkedPair
        Its chunks; the gold links are not looked at.
    rarity : Rarity, optional
        Of words; without it, all words weigh the same.
    chosen : Chosen, default='matches'
        Use all ``matches``, or the selected ``pairs`` only.
    relative : float, default=RELATIVE
        From 0 to 1; at 1, chunks must be each other's best.
    threshold : float, default=THRESHOLD
        0 or more.

    Raises
    ------
    OptionError
        A number out of range, or another choice.
    """
    if not 0 <= relative <= 1 or not threshold >= 0:
        raise OptionError(
            f"relative and threshold are {relative!r} and {threshold!r}; give a number from 0 to "
            "1, and one of 0 or more."
        )
    likeness = _likeness(explanation, pair, rarity, chosen)
    if not likeness.size:
        return ()
    best = np.maximum(likeness.max(axis=1, keepdims=True), likeness.max(axis=0, keepdims=True))
    linked = (likeness > threshold) & (likeness >= relative * best)
    return tuple(
        (pair.left_chunks[i], pair.right_chunks[j])
        for i, j in zip(*(side.tolist() for side in np.nonzero(linked)), strict=True)
    )


def expand_to_chunks(
    explanation: Explanation, pair: ChunkedPair, *, chosen: Chosen = "matches"
) -> ChunkLinks:
    """Link every two chunks that hold two matched words: each word stands for its chunk."""
    left = {word: chunk for chunk in pair.left_chunks for word in chunk}
    right = {word: chunk for chunk in pair.right_chunks for word in chunk}
    links = links_at_blanks(explanation, chosen=chosen)
    return tuple(sorted({(left[i], right[j]) for i, j in links if i in left and j in right}))


def join_matches(
    explanation: Explanation, pair: ChunkedPair, *, chosen: Chosen = "matches"
) -> ChunkLinks:
    """Make chunks of the matches alone: matches that go on in step in both texts are one link.

    The gold chunks are not looked at.
    """
    del pair
    runs: list[tuple[list[int], list[int]]] = []
    for i, j in sorted(links_at_blanks(explanation, chosen=chosen)):
        run = next((run for run in runs if (run[0][-1], run[1][-1]) == (i - 1, j - 1)), None)
        if run is None:
            runs.append(([i], [j]))
        else:
            run[0].append(i)
            run[1].append(j)
    return tuple((tuple(left), tuple(right)) for left, right in runs)


def link_by_spelling(pair: ChunkedPair) -> ChunkLinks:
    """Link chunks that share most words, by Jaccard's index, each the other's best: a baseline.

    Words are compared in lower case, without marks.
    """
    left = [_spellings(pair.left, chunk) for chunk in pair.left_chunks]
    right = [_spellings(pair.right, chunk) for chunk in pair.right_chunks]
    index = np.array([[len(a & b) / max(len(a | b), 1) for b in right] for a in left])
    if not index.size:
        return ()
    best = (index >= index.max(axis=1, keepdims=True)) & (index >= index.max(axis=0, keepdims=True))
    places = zip(*(side.tolist() for side in np.nonzero(best & (index > 0))), strict=True)
    return tuple((pair.left_chunks[i], pair.right_chunks[j]) for i, j in places)


def _likeness(
    explanation: Explanation, pair: ChunkedPair, rarity: Rarity | None, chosen: Chosen
) -> Floats:
    """Return (chunks of the left text, chunks of the right text)."""
    weights = _weights(pair.left, rarity), _weights(pair.right, rarity)
    cosines = np.zeros((len(weights[0]), len(weights[1])))
    for link, cosine in strengths_at_blanks(explanation, chosen=chosen).items():
        cosines[link] = max(cosine, 0.0)
    likeness = np.zeros((len(pair.left_chunks), len(pair.right_chunks)))
    for n, left in enumerate(map(list, pair.left_chunks)):
        for m, right in enumerate(map(list, pair.right_chunks)):
            block = cosines[np.ix_(left, right)]
            first, second = weights[0][left], weights[1][right]
            whole = first.sum() + second.sum()
            if whole > 0:
                explained = first @ block.max(axis=1) + second @ block.max(axis=0)
                likeness[n, m] = explained / whole
    return likeness


def _weights(text: str, rarity: Rarity | None) -> Floats:
    """Return how rare each word at blanks is: as its rarest part, 0 for marks."""
    weights = []
    for start, end in words_at_blanks(text):
        parts = _spellings(text[start:end], (0,))
        weights.append(max((_idf(part, rarity) for part in parts), default=0.0))
    return np.array(weights)


def _idf(word: str, rarity: Rarity | None) -> float:
    if rarity is None:
        return 1.0
    idf = rarity.find(word)
    return rarity.unseen if idf is None else idf


def _spellings(text: str, chunk: Chunk) -> set[str]:
    """Return the words of a chunk in lower case, without marks."""
    spans = words_at_blanks(text)
    pieces = [text[slice(*spans[word])] for word in chunk]
    words = (piece[start:end].lower() for piece in pieces for start, end in find_words(piece))
    return {word for word in words if not is_mark(word)}


Chunks = Literal["gold", "expanded", "words"]

PUNCTUATION = frozenset(".,:'`?;\"-")
"""Words that the official scorer drops: those that are one of these characters and no more."""

_AGIRRE = "Agirre et al. 2016 (SemEval-2016 task 2), evalF1.pl; weights: Melamed 1998, Eq. 4"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("ists_precision", "links of chunks that people see too", _AGIRRE, True),
        Metric("ists_recall", "links of chunks that people see, found", _AGIRRE, True),
        Metric("ists_f1_ali", "F1-Ali: F of links of chunks over all pairs", _AGIRRE, True),
        Metric("ists_f1_ali_macro", "mean of the pairs' own F1-Ali", _AGIRRE, True),
    )
}

COUNTED = ("ists_f1_ali",)


def evaluate_ists(
    explainer: Explainer,
    gold: Sequence[ChunkedPair],
    *,
    chunks: Chunks = "gold",
    chosen: Chosen = "matches",
    rarity: Rarity | None = None,
    explanations: Sequence[Explanation] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> GoldScores:
    """Explain the pairs of iSTS gold, link chunks by the explanations, and score the links.

    Parameters
    ----------
    explainer : Explainer
        A model and, unless ``explanations`` are given, the method.
    gold : sequence of ChunkedPair
        P pairs of ``read_ists``.
    chunks : Chunks, default='gold'
        "gold": the gold chunks, linked by ``link_chunks``. "expanded": each matched word stands for
        its gold chunk. "words": no gold chunks; matches that go on in step in both texts are a
        link.
    chosen : Chosen, default='matches'
        Use all ``matches``, or the selected ``pairs`` only.
    rarity : Rarity, optional
        Of words, for "gold"; by default counted in the gold's own texts.
    explanations : sequence of Explanation, optional
        Of these pairs by one method, in their order; without them, the pairs are explained here.
    progress : Callable[[int, int], None], optional
        Is called with how many pairs are done, and of how many.

    Raises
    ------
    OptionError
        There is no gold, another choice, or explanations of something else.
    """
    check_choice("chunks", chunks, get_args(Chunks))
    if not gold:
        raise OptionError("There are no pairs to evaluate on: give some of read_ists.")
    if rarity is None:
        rarity = Rarity.fit(text for pair in gold for text in (pair.left, pair.right))
    links = []
    stream = explanations_of(explainer, [(pair.left, pair.right) for pair in gold], explanations)
    for number, (pair, explanation) in enumerate(zip(gold, stream, strict=True), start=1):
        check_same_texts(explanation, pair.left, pair.right, name=pair.name)
        links.append(_link(explanation, pair, chunks, chosen, rarity))
        if progress is not None:
            progress(number, len(gold))
    return score_chunk_links(
        links,
        gold,
        method=method_of(explainer, explanations),
        model=explainer.model.name,
        settings={"chunks": chunks, "chosen": chosen},
    )


def score_chunk_links(
    links: Sequence[ChunkLinks],
    gold: Sequence[ChunkedPair],
    *,
    method: str,
    model: str = "",
    settings: dict[str, str] | None = None,
) -> GoldScores:
    """Score links of chunks, whatever found them, by F1-Ali.

    A link of two chunks is one of every word with every word, without punctuation. In one set of
    links, that of words s and t weighs 1 / max(fan-out of s, fan-out of t), the fan-out of a word
    being the number of its links in that set. Precision is the weight of the given links that are
    gold, by the given links' fan-outs, over the weight of all given; recall is the weight of the
    gold links that are given, by the gold's fan-outs, over the weight of all gold. Both are over
    all pairs together. Types and scores of links count for nothing.

    Parameters
    ----------
    links : sequence of ChunkLinks
        For each of P pairs, (left chunk, right chunk); a chunk is any words at blanks.
    gold : sequence of ChunkedPair
        The P pairs.
    method : str
        What to call what found them.
    model : str, default=''
        Whose words they are, if a model's.
    settings : dict[str, str], optional
        Choices to be remembered.

    Raises
    ------
    OptionError
        Another number of links than of pairs, or none.
    """
    if len(links) != len(gold) or not gold:
        raise OptionError(f"There are links for {len(links)} pairs and gold for {len(gold)}.")
    table = np.array([_count(given, pair) for given, pair in zip(links, gold, strict=True)])
    counts = LinkCounts(*table.T)
    return GoldScores(
        method=method,
        model=model,
        names=tuple(pair.name for pair in gold),
        counts={"ists_f1_ali": counts},
        values={
            "ists_precision": counts.precision(),
            "ists_recall": counts.recall(),
            "ists_f1_ali": counts.f(),
            "ists_f1_ali_macro": counts.macro_f(),
        },
        settings=settings or {},
    )


def _link(
    explanation: Explanation,
    pair: ChunkedPair,
    chunks: Chunks,
    chosen: Chosen,
    rarity: Rarity,
) -> ChunkLinks:
    if chunks == "gold":
        return link_chunks(explanation, pair, rarity=rarity, chosen=chosen)
    if chunks == "expanded":
        return expand_to_chunks(explanation, pair, chosen=chosen)
    return join_matches(explanation, pair, chosen=chosen)


def _count(links: ChunkLinks, pair: ChunkedPair) -> tuple[float, float, float, float]:
    """Return the weights (given, correct, wanted, found)."""
    texts = pair.left.split(), pair.right.split()
    given, gold = _weighted(links, texts), _weighted(pair.links, texts)
    return (
        sum(given.values()),
        sum(weight for link, weight in given.items() if link in gold),
        sum(gold.values()),
        sum(weight for link, weight in gold.items() if link in given),
    )


def _weighted(
    links: Iterable[tuple[Sequence[int], Sequence[int]]], texts: tuple[list[str], list[str]]
) -> dict[Link, float]:
    """Return the weight of each link of two words; a link that stands twice counts once."""
    found = {
        (i, j)
        for left, right in links
        for i in left
        for j in right
        if texts[0][i] not in PUNCTUATION and texts[1][j] not in PUNCTUATION
    }
    fan_left, fan_right = Counter(i for i, _ in found), Counter(j for _, j in found)
    return {(i, j): 1 / max(fan_left[i], fan_right[j]) for i, j in found}
