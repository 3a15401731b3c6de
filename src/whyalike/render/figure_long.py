"""Long texts in a picture: the sentences that have a pair, and a mark where others are left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from whyalike.render.figure import PAIRS_SHOWN
from whyalike.render.parts import Segment
from whyalike.sentences import split_sentences

LONG = 120
"""Words of a text that is drawn whole at most: some twenty lines."""

LONG_SENTENCE, AROUND = 40, 12
"""Words of a sentence that is kept whole at most; of a longer one so many on either side."""

LEFT_OUT = " … "


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is drawn of a text; ``note`` says what is left out, if anything."""

    segments: tuple[Segment, ...]
    note: str = ""


def take_excerpt(segments: Sequence[Segment]) -> Excerpt:
    """Return the segments of a text, or of a long one those of sentences with a pair that is drawn.

    ``segments`` are those of ``cut_into_segments``, which give the text back from its beginning,
    or from that of what the model read. A text without pairs stays whole.
    """
    words = [n for n, one in enumerate(segments) if one.word is not None]
    drawn = [n for n in words if any(mark <= PAIRS_SHOWN for mark in segments[n].marks)]
    if len(words) <= LONG or not drawn:
        return Excerpt(tuple(segments))
    whole = "".join(one.text for one in segments)
    starts, at = [], 0
    for one in segments:
        starts.append(at)
        at += len(one.text)
    sentences = split_sentences(whole)
    kept: set[int] = set()
    for start, end in sentences:
        inside = [n for n in words if start <= starts[n] < end]
        paired = [place for place, n in enumerate(inside) if n in drawn]
        if not paired:
            continue
        if len(inside) <= LONG_SENTENCE:
            kept.update(n for n in range(len(segments)) if start <= starts[n] < end)
        for place in paired if len(inside) > LONG_SENTENCE else ():
            places = range(max(0, place - AROUND), min(len(inside), place + AROUND + 1))
            kept.update(range(inside[places[0]], inside[places[-1]] + 1))
    shown = sum(n in kept for n in words)
    found: list[Segment] = []
    for is_kept, run in groupby(range(len(segments)), key=kept.__contains__):
        some = [segments[n] for n in run]
        # Between two sentences that are kept is a blank.
        is_blank = all(one.word is None and one.read for one in some)
        found += some if is_kept or is_blank else [Segment(LEFT_OUT)]
    return Excerpt(
        tuple(found), f"{shown:,} of {len(words):,} words are drawn: the sentences with a pair"
    )
