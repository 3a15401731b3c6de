"""How much work a pair of texts is, and how long that takes here: known before it is taken."""

import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whyalike.options import BTIOptions
from whyalike.side_by_side import busy_seconds

if TYPE_CHECKING:
    from whyalike.explainer import Explainer
    from whyalike.methods.method import Method, TextSize
    from whyalike.readings import Reading

TextPair = tuple[str, str]

PIECE_COST = 300.0
"""What a pair costs besides its passes, in tokens of forward passes (measured on two cores)."""
KEPT = 0.8
"""How much of what was known of a speed is kept when more is learnt."""
LATELY = 32
"""Pieces of work among which those are looked for that nothing else on the machine slowed down."""
BYTES_OF_TOKEN = 4.5
"""Of usual English text; others differ, and are counted where it matters."""
CALIBRATION = "how long does it take to read a text of some twenty words on this machine? " * 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """What pairs cost together, in tokens of forward passes, and in seconds where that is known.

    ``least`` are the seconds where nothing else keeps the machine busy.
    """

    cost: float = 0.0
    seconds: float = 0.0
    least: float = 0.0

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(
            self.cost + other.cost, self.seconds + other.seconds, self.least + other.least
        )


class Speed:
    """How fast work is done, as far as it was seen: lately more than long ago. Threads share it."""

    def __init__(self) -> None:
        self._cost = self._seconds = 0.0
        self._lately: deque[float] = deque(maxlen=LATELY)
        self._lock = threading.Lock()

    def learn(self, cost: float, seconds: float, *, least: float | None = None) -> None:
        """Take note that work of such a cost took so long.

        ``least`` of these seconds it takes where nothing else keeps the machine busy, if known.
        """
        with self._lock:
            self._cost = KEPT * self._cost + cost
            self._seconds = KEPT * self._seconds + seconds
            if cost > 0:
                self._lately.append((seconds if least is None else min(least, seconds)) / cost)

    def seconds(self, cost: float) -> float | None:
        """Return how long work of such a cost takes; None where none was seen."""
        with self._lock:
            return cost * self._seconds / self._cost if self._cost > 0 else None

    def least(self, cost: float) -> float | None:
        """Return how long it takes by the fastest eighth of late work; None where none was seen.

        What slows work down for a while, such as other programs, says nothing of the work.
        """
        with self._lock:
            rates = sorted(self._lately)
        return cost * rates[(len(rates) - 1) // 8] if rates else None


class Speeds:
    """How fast a model works, by method: of one that was not asked for yet, as of the others."""

    def __init__(self) -> None:
        self._all, self._methods = Speed(), dict[str, Speed]()

    def learn(
        self, method: str, cost: float, seconds: float, *, least: float | None = None
    ) -> None:
        """Take note of work as ``Speed`` does; "" is no method, but the model alone."""
        self._all.learn(cost, seconds, least=least)
        if method:
            self._methods.setdefault(method, Speed()).learn(cost, seconds, least=least)

    def seconds(self, method: str, cost: float) -> float:
        """Return how long it takes; 0 where nothing was seen yet."""
        own = self._methods.get(method)
        found = None if own is None else own.seconds(cost)
        return (self._all.seconds(cost) if found is None else found) or 0.0

    def least(self, method: str, cost: float) -> float:
        """Return how long it takes where nothing else keeps the machine busy, at most ``seconds``.

        0 where nothing was seen yet.
        """
        own = self._methods.get(method)
        found = None if own is None else own.least(cost)
        if found is None:
            found = self._all.least(cost) or 0.0
        return min(found, self.seconds(method, cost))

    def estimate(self, method: str, cost: float) -> Estimate:
        """Return what work of such a cost takes."""
        return Estimate(cost, self.seconds(method, cost), self.least(method, cost))


def pair_cost(method: "Method", sizes: Sequence["TextSize"], options: BTIOptions) -> float:
    """Return what a pair costs, with what is done for it besides passes."""
    return PIECE_COST + method.cost(sizes, options)


def guess_sizes(explainer: "Explainer", pair: TextPair) -> "list[TextSize]":
    """Return about how much there is of two texts, without a look at them."""
    sizes = _bytes_read(explainer, pair)
    return [_size(explainer, size / BYTES_OF_TOKEN + 1) for size in sizes]


def most_sizes(explainer: "Explainer", pair: TextPair) -> "list[TextSize]":
    """Return the most that there can be of two texts: no token is of less than a byte."""
    return [_size(explainer, size) for size in _bytes_read(explainer, pair)]


def _bytes_read(explainer: "Explainer", pair: TextPair) -> list[int]:
    """Return how many bytes go with each text through the model: with both, where it reads so."""
    sizes = [len(text.encode("utf-8", "replace")) for text in pair]
    return [sum(sizes)] * 2 if "joint sequence" in explainer.model.capabilities else sizes


def _size(explainer: "Explainer", tokens: float) -> "TextSize":
    from whyalike.methods.method import TextSize

    limit = explainer.model.limit
    reads_on = limit is None or explainer.options.long_text in ("windows", "chunks")
    count = math.ceil(tokens if reads_on or limit is None else min(tokens, limit))
    return TextSize(words=count, tokens=count + 2, special=2, layers=layers_of(explainer))


def count_size(
    explainer: "Explainer", text: str, *, prompt: str, options: BTIOptions
) -> "TextSize":
    """Return how much the model reads of a text by itself: it is tokenized for that."""
    from whyalike.readings import read_texts

    if options.long_text == "chunks":
        return _counted_whole(explainer, text)
    return _counted(
        explainer, read_texts(explainer.model, [text], prompt=prompt, options=options)[0]
    )


def count_sizes(explainer: "Explainer", pair: TextPair, *, options: BTIOptions) -> "list[TextSize]":
    """Return how much the model reads of two texts: they are tokenized for that.

    Where it reads both in one sequence, that sequence goes with the words of each.
    """
    from whyalike.readings import read_pairs

    if options.long_text == "chunks":
        return [_counted_whole(explainer, text) for text in pair]
    found = read_pairs(explainer.model, [pair], prompts=explainer.prompts, options=options)[0]
    return [_counted(explainer, reading) for reading in found]


def _counted(explainer: "Explainer", reading: "Reading") -> "TextSize":
    from whyalike.methods.method import TextSize

    prepared = reading.prepared
    words, own = len(prepared.alignment.spans), len(prepared.tokens.offsets)
    rows = prepared.tokens.rows
    tokens = sum(len(row.input_ids) for row in rows) if rows else own
    return TextSize(
        words=words,
        tokens=tokens,
        special=max(0, tokens - own),
        rows=max(1, len(rows)),
        layers=layers_of(explainer),
    )


def _counted_whole(explainer: "Explainer", text: str) -> "TextSize":
    """Return how much there is of a text of which every chunk is scored."""
    from whyalike.methods.method import TextSize
    from whyalike.models.chunks import count_tokens
    from whyalike.texts import find_words

    tokens = count_tokens(explainer.model, text)
    return TextSize(words=len(find_words(text)), tokens=tokens, layers=layers_of(explainer))


def layers_of(explainer: "Explainer") -> int:
    """Return how many layers the model has; of a function nobody asks."""
    return int(getattr(explainer.model, "depth", 1))


def calibrate(explainer: "Explainer", speeds: Speeds) -> None:
    """Learn how fast a model is, by a pair; a function, whose calls may cost money, is not asked.

    The model has scored something before: its first pass takes longer.
    """
    model = explainer.model
    if "tokens" not in model.capabilities:
        return
    pair = CALIBRATION, CALIBRATION
    sizes = count_sizes(explainer, pair, options=BTIOptions())
    joint, (left, right) = "joint sequence" in model.capabilities, explainer.prompts
    tokens = sizes[0].tokens + (0 if joint or left == right else sizes[1].tokens)
    took, busy = [], []
    for _ in range(2):
        began, before = time.perf_counter(), busy_seconds()
        model.score([pair], prompts=explainer.prompts)
        took.append(time.perf_counter() - began)
        busy.append(busy_seconds() - before)
    # A text that is on both sides with one prompt goes through once. How busy the machine is at the
    # start says nothing of later, when real work shows it.
    speeds.learn("", PIECE_COST + tokens, min(busy if is_computed_here(explainer) else took))


def is_computed_here(explainer: "Explainer") -> bool:
    """Return whether the thread that asks a model computes all the while, if it is let.

    Of such work the time that a thread computed says how long it takes without other programs: of a
    model on a processor of this machine, but of no user's function and on no accelerator, for which
    a thread waits.
    """
    body = getattr(getattr(explainer.model, "sites", None), "body", None)
    return getattr(getattr(body, "device", None), "type", "") == "cpu"
