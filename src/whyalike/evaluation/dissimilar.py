"""Whether found differences are those that people marked: the Span Similarity Dataset.

Lozano, Dementieva and Fraser 2026, *Explainable Semantic Textual Similarity via Dissimilar Span
Detection*: pairs of sentences with spans of a common function, each labelled as the same or not.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from whyalike.differences import Differences, Kind, Offsets
from whyalike.errors import FormatError
from whyalike.evaluation.gold import MOST_SAID, check_utf8, read_lines
from whyalike.texts import find_words, is_mark

CONTRARY: frozenset[Kind] = frozenset({"negated", "opposite", "number", "name", "other words"})
"""Kinds that the data marks: both texts have something there, and it does not agree. What is added,
missing, or said more exactly is no pair of spans of one function."""

_SPAN = re.compile(r"\{\{(.*?)\}\}")
# As the published metric's tokenizer cuts: do|n't, dog|'s.
_PARTS = re.compile(r"(?<=.)(?=n['’]t$)|(?<=.)(?=['’](?:s|re|ve|ll|d|m)$)")

FAR = 999
"""The distance of a span from none."""


@dataclass(frozen=True, slots=True)
class MarkedPair:
    """Two sentences, and the spans of each that differ in meaning, in order."""

    left: str
    right: str
    left_spans: tuple[Offsets, ...]
    right_spans: tuple[Offsets, ...]


class SpanScores(NamedTuple):
    """Mean F1 over sentences: of all, of those with nothing to find, of those with something."""

    overall: float
    without: float
    with_spans: float


def read_marked(path: str | Path) -> tuple[list[MarkedPair], list[str]]:
    """Read a file of the data set; return its pairs, and what is wrong with each line left out.

    Parameters
    ----------
    path : str or Path
        Tab-separated, with a head: premise, hypothesis, span_similarity. Spans stand in ``{{ }}``;
        the labels, one a span, are 0 where it differs, 1 where it is the same.

    Raises
    ------
    FormatError
        It can't be read, has no such columns, or no line that is whole.
    """
    lines = read_lines(path, what="marked pairs")
    names = lines[0].split("\t")
    needed = ("premise", "hypothesis", "span_similarity")
    if not set(needed) <= set(names):
        raise FormatError(
            f"{path} has the columns {', '.join(names)[:MOST_SAID]!r}; give {', '.join(needed)}."
        )
    columns = [names.index(name) for name in needed]
    pairs, skipped = [], []
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) <= max(columns):
            skipped.append(f"line {number}: {len(cells)} columns")
            continue
        try:
            check_utf8(line)
        except ValueError as error:
            skipped.append(f"line {number}: {error}")
            continue
        left, right, said = (cells[column] for column in columns)
        labels = [label.strip() for label in said.split(",")]
        (left, of_left), (right, of_right) = _unmarked(left), _unmarked(right)
        if not len(of_left) == len(of_right) == len(labels) or not set(labels) <= {"0", "1"}:
            skipped.append(f"line {number}: {len(of_left)}, {len(of_right)} spans, labels {said}")
            continue
        if not left.strip() or not right.strip():
            skipped.append(f"line {number}: a text is empty")
            continue
        differ = [label == "0" for label in labels]
        pairs.append(
            MarkedPair(
                left,
                right,
                tuple(span for span, wanted in zip(of_left, differ, strict=True) if wanted),
                tuple(span for span, wanted in zip(of_right, differ, strict=True) if wanted),
            )
        )
    if not pairs:
        said = skipped[0] if skipped else "nothing stands below its head"
        raise FormatError(f"{path} has no pair that is whole; {said.rstrip('.')}.")
    return pairs, skipped


def _unmarked(text: str) -> tuple[str, list[Offsets]]:
    """Return a sentence without its marks, and where the marked spans are in it."""
    pieces: list[str] = []
    spans: list[Offsets] = []
    at = length = 0
    for found in _SPAN.finditer(text):
        before, inside = text[at : found.start()], found.group(1)
        length += len(before)
        spans.append((length, length + len(inside)))
        length += len(inside)
        pieces += [before, inside]
        at = found.end()
    return "".join([*pieces, text[at:]]), spans


def score_spans(text: str, gold: Sequence[Offsets], found: Sequence[Offsets]) -> float:
    """Return the published metric of one sentence: the mean F1 of aligned spans, 0 to 1.

    Spans are aligned so that the sum of the distances of their ends is least; one that is left over
    is aligned with none, and scores 0. F1 is of the words in both: precision the share of the found
    span's that the gold one has, recall that number over the gold one's. A sentence with nothing to
    find scores 1 where nothing was found.

    It differs from the published code in two ways: words are ours, cut before "n't" and "'s" as its
    tokenizer cuts them; and the alignment is the best one by the Hungarian algorithm, where the
    code tries all permutations and may meet another one of equal distance first.
    """
    from scipy.optimize import linear_sum_assignment

    size = max(len(gold), len(found))
    if not size:
        return 1.0
    distance = np.full((size, size), float(FAR))
    distance[len(gold) :, len(found) :] = 0
    for n, one in enumerate(gold):
        for m, other in enumerate(found):
            distance[n, m] = abs(one[0] - other[0]) + abs(one[1] - other[1])
    rows, columns = linear_sum_assignment(distance)
    return float(
        np.mean(
            [
                _f1(_words(text, gold[n]), _words(text, found[m]))
                if n < len(gold) and m < len(found)
                else 0.0
                for n, m in zip(rows.tolist(), columns.tolist(), strict=True)
                if n < len(gold) or m < len(found)
            ]
        )
    )


def _words(text: str, span: Offsets) -> list[str]:
    said = text[slice(*span)]
    words = (said[start:end] for start, end in find_words(said))
    return [part for word in words if not is_mark(word) for part in _PARTS.split(word)]


def _f1(gold: Sequence[str], found: Sequence[str]) -> float:
    if not gold or not found:
        return float(not gold and not found)
    common = sum(word in gold for word in found)
    precision, recall = common / len(found), common / len(gold)
    return 2 * precision * recall / (precision + recall) if common else 0.0


Finder = Callable[[str, str], tuple[Sequence[Offsets], Sequence[Offsets]]]
"""From two sentences to the spans of each that differ."""


def measure_spans(pairs: Iterable[MarkedPair], find: Finder) -> SpanScores:
    """Return the mean of ``score_spans`` over both sentences of all pairs.

    A mean over no sentence is 0.
    """
    without: list[float] = []
    with_spans: list[float] = []
    for pair in pairs:
        found = find(pair.left, pair.right)
        for text, gold, own in (
            (pair.left, pair.left_spans, found[0]),
            (pair.right, pair.right_spans, found[1]),
        ):
            (with_spans if gold else without).append(score_spans(text, gold, own))
    return SpanScores(
        *(
            float(np.mean(scores)) if scores else 0.0
            for scores in (without + with_spans, without, with_spans)
        )
    )


def contrary_spans(found: Differences) -> tuple[list[Offsets], list[Offsets]]:
    """Return the spans of both texts of the kinds that the data marks."""
    places = [place for place in found.places if place.kind in CONTRARY]
    return (
        [place.left for place in places if place.left],
        [place.right for place in places if place.right],
    )
