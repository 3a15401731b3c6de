"""How much work a pair of texts is, and how long that takes here: known before it is taken."""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whyalike.options import BTIOptions

if TYPE_CHECKING:
    from whyalike.explainer import Explainer
    from whyalike.methods.method import Method, TextSize

PIECE_COST = 300.0
"""What a pair costs besides its passes, in tokens of forward passes (measured on two cores)."""
KEPT = 0.8
"""How much of what was known of a speed is kept when more is learnt."""
BYTES_OF_TOKEN = 4.5
"""Of usual English text; others differ, and are counted where it matters."""
CALIBRATION = "how long does it take to read a text of some twenty words on this machine? " * 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """What pairs cost together, in tokens of forward passes, and in seconds where that is known."""

    cost: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.cost + other.cost, self.seconds + other.seconds)


class Speed:
    """How fast work is done, as far as it was seen: lately more than long ago. Threads share it."""

    def __init__(self) -> None:
        self._cost = self._seconds = 0.0
        self._lock = threading.Lock()

    def learn(self, cost: float, seconds: float) -> None:
        """Take note that work of such a cost took so long."""
        with self._lock:
            self._cost = KEPT * self._cost + cost
            self._seconds = KEPT * self._seconds + seconds

    def seconds(self, cost: float) -> float | None:
        """Return how long work of such a cost takes; None where none was seen."""
        with self._lock:
            return cost * self._seconds / self._cost if self._cost > 0 else None


class Speeds:
    """How fast a model works, by method: of one that was not asked for yet, as of the others."""

    def __init__(self) -> None:
        self._all, self._methods = Speed(), dict[str, Speed]()

    def learn(self, method: str, cost: float, seconds: float) -> None:
        """Take note of work that was done; "" is no method, but the model alone."""
        self._all.learn(cost, seconds)
        if method:
            self._methods.setdefault(method, Speed()).learn(cost, seconds)

    def seconds(self, method: str, cost: float) -> float:
        """Return how long it takes; 0 where nothing was seen yet."""
        own = self._methods.get(method)
        found = None if own is None else own.seconds(cost)
        return (self._all.seconds(cost) if found is None else found) or 0.0


def pair_cost(method: "Method", sizes: Sequence["TextSize"], options: BTIOptions) -> float:
    """Return what a pair costs, with what is done for it besides passes."""
    return PIECE_COST + method.cost(sizes, options)


def guess_size(explainer: "Explainer", text: str) -> "TextSize":
    """Return about how much there is of a text, without a look at it."""
    return _size(explainer, len(text.encode("utf-8", "replace")) / BYTES_OF_TOKEN + 1)


def most_size(explainer: "Explainer", text: str) -> "TextSize":
    """Return the most that there can be of a text: no token is of less than a byte."""
    return _size(explainer, len(text.encode("utf-8", "replace")))


def _size(explainer: "Explainer", tokens: float) -> "TextSize":
    from whyalike.methods.method import TextSize

    limit = explainer.model.limit
    reads_on = limit is None or explainer.options.long_text == "windows"
    count = math.ceil(tokens if reads_on or limit is None else min(tokens, limit))
    return TextSize(words=count, tokens=count + 2, special=2, layers=layers_of(explainer))


def count_size(
    explainer: "Explainer", text: str, *, prompt: str, options: BTIOptions
) -> "TextSize":
    """Return how much the model reads of a text: it is tokenized for that."""
    from whyalike.explainer import read_texts
    from whyalike.methods.method import TextSize

    prepared = read_texts(explainer.model, [text], prompt=prompt, options=options)[0].prepared
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


def layers_of(explainer: "Explainer") -> int:
    """Return how many layers the model has; of a function nobody asks."""
    return int(getattr(explainer.model, "depth", 1))


def calibrate(explainer: "Explainer", speeds: Speeds) -> None:
    """Learn how fast a model is, by a text; a function, whose calls may cost money, is not asked.

    The model has embedded something before: its first pass takes longer.
    """
    from whyalike.models.scorer import require_vectors

    if not {"tokens", "vectors"} <= explainer.model.capabilities:
        return
    model = require_vectors(explainer.model, what="The measure of a model's speed")
    size = count_size(explainer, CALIBRATION, prompt="", options=explainer.options)
    took = []
    for _ in range(2):
        began = time.perf_counter()
        model.embed([CALIBRATION])
        took.append(time.perf_counter() - began)
    speeds.learn("", PIECE_COST + size.tokens, min(took))
