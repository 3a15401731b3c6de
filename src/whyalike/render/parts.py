"""What all renderings share: how words are cut, coloured, scaled, and named.

The levels are equal steps in OKLab from the paper to a blue that dark text still reads on
(contrast 5.8 at the strongest level). ``templates/states.css`` repeats them for the browser.
"""

import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console, RenderableType

from whyalike.explanation import ExplainedText, Explanation, Word, WordPair


def part_of(value: float, whole: float) -> float:
    """Return ``|value| / |whole|``, at most 1; 0 of nothing, and for what is no number."""
    if math.isnan(value) or math.isnan(whole) or not whole:
        return 0.0
    if math.isinf(value):
        return 1.0
    return min(abs(value) / abs(whole), 1.0)


def place_between(value: float, low: float, high: float) -> float:
    """Return where a value is, from 0 at ``low`` to 1 at ``high``, or the nearer end.

    Where both are the same, and for what is no number, that is 0.
    """
    if math.isinf(high - low):
        # Halves, as the whole range is too wide for a number.
        value, low, high = value / 2, low / 2, high / 2
    span = high - low
    if not span or not math.isfinite(span) or math.isnan(value):
        return 0.0
    if math.isinf(value):
        return float((value > 0) == (span > 0))
    return min(max((value - low) / span, 0.0), 1.0)


def finite(values: Iterable[float]) -> list[float]:
    """Return those that are finite numbers."""
    return [value for value in values if math.isfinite(value)]


def greatest_of(values: Iterable[float]) -> float:
    """Return the greatest magnitude of the finite ones; 0 where there are none."""
    return max(map(abs, finite(values)), default=0.0)


LEVELS = (
    "#ffffff", "#f6faff", "#edf5ff", "#e5efff", "#dceaff", "#d3e5ff", "#cae0ff",
    "#c2daff", "#b9d5ff", "#b0d0ff", "#a8cafe", "#9fc5fe", "#96c0fd", "#8ebafd",
    "#85b5fc", "#7caffb", "#73aafb", "#6aa4fa", "#619ef9", "#5899f8", "#4f93f7",
)  # fmt: skip

INK = "#14181f"
MUTED = "#55606f"
HAIRLINE = "#dde2ea"
ACCENT = "#1747a6"
WEIGHTS = 4

PAIR_LINES = ("#b06d00", "#2280bb", "#0f7f5d", "#7d7300", "#b04a85", "#c2410c")
"""The colour of each pair on paper, by its number: deeper shades of the terminal's, which are Okabe
and Ito's, as a line has to stand out from white by 3:1. ``templates/links.css`` repeats them."""


def saliency_level(saliency: float) -> int:
    """Return the level of a saliency, by its size: 0 to 20; beyond 1 is the strongest level."""
    strongest = len(LEVELS) - 1
    return round(part_of(saliency, 1.0) * strongest)


def pair_line(rank: int) -> str:
    """Return the colour of the pair of a number, from 1 on, on paper."""
    return PAIR_LINES[(rank - 1) % len(PAIR_LINES)]


def pair_weights(pairs: Sequence[WordPair]) -> list[int]:
    """Return each pair's line weight, 1 to WEIGHTS, by its share of the best score."""
    best = max(finite(pair.score for pair in pairs), default=0.0)
    if best <= 0:
        return [1] * len(pairs)
    return [max(1, round(WEIGHTS * part_of(max(pair.score, 0.0), best))) for pair in pairs]


UNREAD_SHOWN = 600
"""How many characters of an unread tail a renderer shows before it says how much is left out."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of the text. ``word`` is None between words; ``marks`` are 1-based ranks of pairs.

    ``unmatched`` words have no partner in the other text, and are in no pair. ``shade`` is how
    strongly the word is shown, -1 to 1.
    """

    text: str
    word: int | None = None
    saliency: float = 0.0
    marks: tuple[int, ...] = ()
    read: bool = True
    contribution: float | None = None
    unmatched: bool = False
    shade: float = 0.0


def unmatched_words(explanation: Explanation, which: Literal["left", "right"]) -> tuple[int, ...]:
    """Return the indices of a text's words that are in no match, as the explanation orders them.

    Documents of releases before this rule name words that the table of matches has.
    """
    side = explanation.left if which == "left" else explanation.right
    matched = {pair.left if which == "left" else pair.right for pair in explanation.matches}
    return tuple(n for n in side.unmatched if n not in matched)


def _saliency(word: Word) -> float:
    return word.saliency


def cut_into_segments(
    side: ExplainedText,
    pairs: Sequence[WordPair],
    *,
    which: Literal["left", "right"],
    shade: Callable[[Word], float] = _saliency,
    unmatched: Sequence[int] | None = None,
) -> list[Segment]:
    """Return the segments of one side in reading order; joined, they give the text back.

    ``shade`` says how strongly a word is shown, ``unmatched`` which match nothing (by default those
    of the side). The tail that the model did not read is one last segment with ``read=False``, cut
    to UNREAD_SHOWN characters, so that a text of 100,000 words stays cheap to draw; and so is what
    stands before a chunk, one first segment, of which the end is kept.
    """
    marks: dict[int, list[int]] = {}
    alone = set(side.unmatched if unmatched is None else unmatched)
    for rank, pair in enumerate(pairs, start=1):
        marks.setdefault(pair.left if which == "left" else pair.right, []).append(rank)
    segments: list[Segment] = []
    position = side.read_from
    if position:
        before = side.text[max(0, position - UNREAD_SHOWN) : position]
        segments.append(Segment(before, read=False))
    for index, word in enumerate(side.words):
        if word.start > position:
            segments.append(Segment(side.text[position : word.start]))
        segments.append(
            Segment(
                word.text,
                index,
                word.saliency,
                tuple(marks.get(index, ())),
                contribution=word.contribution,
                unmatched=index in alone and index not in marks,
                shade=shade(word),
            )
        )
        position = word.end
    end = side.read_until
    if position < end:
        segments.append(Segment(side.text[position:end]))
    if end < len(side.text):
        tail = side.text[end : end + UNREAD_SHOWN]
        segments.append(Segment(tail, read=False))
    return segments


def plain_text(view: RenderableType, *, width: int) -> str:
    """Return ``view`` as text without any colour, ``width`` columns wide, that ends in a newline.

    Nothing is printed, and neither a notebook nor a variable such as FORCE_COLOR changes it.
    """
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        color_system=None,
        legacy_windows=False,
        markup=False,
        emoji=False,
        # By itself Rich looks for a notebook and for a terminal, and writes for those.
        force_jupyter=False,
        force_terminal=False,
    )
    console.print(view)
    lines = (line.rstrip() for line in stream.getvalue().splitlines())
    return "\n".join(lines).rstrip() + "\n"


WORD_SHOWN = 40


def shorten(word: str) -> str:
    """Return a word, or the beginning of a very long one."""
    return word if len(word) <= WORD_SHOWN else word[: WORD_SHOWN - 1] + "…"


MOST_DECIMALS = 6
LARGE = 1e12

SHOWN = 80
"""Characters of a prompt."""


def describe_method(explanation: Explanation) -> str:
    """Return the method's name, and what its attributions miss of the sum that they promise."""
    gap = explanation.completeness_gap
    return explanation.method if gap is None else f"{explanation.method}, gap {gap:.1%}"


def describe_gap(explanation: Explanation) -> str:
    """Return the completeness gap in a sentence; nothing for a method that promises no sum."""
    gap = explanation.completeness_gap
    return "" if gap is None else f"Its attributions miss {gap:.1%} of what they should sum to."


def describe_score(similarity: float, function: str) -> str:
    """Return the similarity in words, with the sign explained where higher is less obvious."""
    note = score_note(function)
    said = f"{similarity:.4f}" if abs(similarity) < LARGE else format_number(similarity, 4)
    return f"{score_name(function)} {said}" + (f" ({note})" if note else "")


def score_note(function: str) -> str:
    """Return what the sign of a distance-like score means, or nothing where it is obvious."""
    if function == "score":
        return "the scorer's own: higher is more alike"
    if function == "hamming":
        return "the share of bits that agree"
    return "minus the distance: 0 is identical" if function in ("euclidean", "manhattan") else ""


def score_name(function: str) -> str:
    """Return what the similarity is called: of two vectors, or a scorer's own number."""
    return "score" if function == "score" else f"{function} similarity"


def describe_background(explanation: Explanation) -> str:
    """Return where the score stands among a background's texts; nothing where there is none."""
    return ", and ".join(said for _, said in background_facts(explanation))


def background_facts(explanation: Explanation) -> list[tuple[str, str]]:
    """Return the same in one short line for each of the samples, by what to call it."""
    found = explanation.background
    if found is None:
        return []
    random = format_percentile(found.percentile)
    facts = [("Rank", f"more alike than {random} of random pairs of {found.texts:,} texts")]
    if found.nearest_percentile is not None:
        nearest = format_percentile(found.nearest_percentile)
        facts.append(("Nearest", f"more alike than {nearest} of texts and their nearest"))
    return facts


def format_percentile(value: float) -> str:
    """Return a percentile, never rounded to all or to none where it is not."""
    if 1 <= value <= 99 or value in (0, 100):
        return f"{value:.0f} %"
    return "less than 0.1 %" if value < 0.1 else f"{min(value, 99.9):.1f} %"


def describe_sum(explanation: Explanation) -> str:
    """Return how much of the similarity the words carry and what is left; nothing if unknown."""
    if explanation.remainder is None:
        return ""
    carried = format_number(explanation.similarity - explanation.remainder, 3)
    whole = format_number(explanation.similarity, 3)
    rest = format_number(explanation.remainder, 3)
    usual = None if explanation.background is None else explanation.background.mean
    if usual is not None:
        return (
            f"Any two texts of the background have {format_number(usual, 3)} of {whole}; of the "
            f"{format_number(explanation.similarity - usual, 3)} beyond that matched words carry "
            f"{carried}; words that match nothing, "
            f"{format_number(explanation.remainder - usual, 3)}."
        )
    if explanation.pair_contributions is None:
        left = f"words that match nothing, {rest}"
        if explanation.similarity_function == "score":
            left = f"{rest} is left (words that match nothing, and the score without words)"
        return f"Matched words carry {carried} of {whole}; {left}."
    left = "special tokens, what else is no word, or what the model makes of an empty text"
    if explanation.parts:
        left = "the constants of normalising, and what a part's method gives to no pair"
    return f"Word pairs carry {carried} of {whole}; {rest} is left ({left})."


def describe_prompts(
    prompts: tuple[str, str] | None, *, sides: tuple[str, str] = ("the left text", "the right")
) -> str:
    """Return what stood before the texts as the model read them; nothing where nothing did.

    ``sides`` are what to call the texts.
    """
    if prompts is None or not any(prompts):
        return ""
    said = [repr(prompt if len(prompt) <= SHOWN else f"{prompt[:SHOWN]}…") for prompt in prompts]
    if prompts[0] == prompts[1]:
        return f"{said[0]} before both texts"
    both = zip(prompts, said, sides, strict=True)
    return ", ".join(f"{one} before {side}" for prompt, one, side in both if prompt)


def has_contributions(explanation: Explanation) -> bool:
    """Return whether the method says what each word adds to the similarity."""
    words = (*explanation.left.words, *explanation.right.words)
    return any(word.contribution is not None for word in words)


def contribution_decimals(explanation: Explanation) -> int:
    """Return the decimals with which all contributions of the words are written."""
    words = (*explanation.left.words, *explanation.right.words)
    return decimals_for(word.contribution or 0.0 for word in words)


def decimals_for(values: Iterable[float]) -> int:
    """Return how many decimals show two digits of the greatest value: 3 to MOST_DECIMALS."""
    greatest = greatest_of(values)
    if not greatest:
        return 3
    return min(max(3, 1 - math.floor(math.log10(greatest))), MOST_DECIMALS)


def format_number(value: float, digits: int) -> str:
    """Return the number with a true minus sign, and never a negative zero.

    Beyond LARGE, where digits would be a wall, it has a power of ten.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        said = "\N{INFINITY}" if value > 0 else "-\N{INFINITY}"
    else:
        said = f"{value:z.{digits}f}" if abs(value) < LARGE else f"{value:.3e}"
    return said.replace("-", "\N{MINUS SIGN}")


def format_signed(value: float, digits: int) -> str:
    """Return the number with its sign, plus or a true minus; zero has none."""
    said = format_number(value, digits)
    is_zero = not said.strip("0.")
    return said if is_zero or said == "NaN" or said.startswith("\N{MINUS SIGN}") else f"+{said}"
