"""Where a score stands: on the scale of its kind, or among the random pairs of a background."""

from dataclasses import dataclass

from whyalike.explanation import Explanation
from whyalike.render.parts import format_number, format_percentile, place_between, score_name
from whyalike.render.verdict import STEPS, has_zero, score_of


@dataclass(frozen=True, slots=True)
class Zone:
    """A stretch of a scale: what a score there means, and its ends in percent of the scale."""

    name: str
    start: float
    end: float
    is_here: bool

    @property
    def middle(self) -> float:
        """The percent at which its name stands."""
        return round((self.start + self.end) / 2, 2)

    @property
    def width(self) -> float:
        """How wide it is, in percent."""
        return round(self.end - self.start, 2)


@dataclass(frozen=True, slots=True)
class PlaceView:
    """A scale with a score on it.

    at: where, in percent from the left. ticks: numbers below the scale, each at its percent.
    nearest: where the score stands among texts and their nearest others, where that is known.
    said: the same in words. caption: what stands below the scale, if anything.
    """

    at: float
    zones: tuple[Zone, ...]
    ticks: tuple[tuple[float, str], ...]
    nearest: float | None
    said: str
    caption: str = ""


LOWEST = -0.3
"""The left end of the scale of a cosine: models of texts hardly give less."""

NAMES = ("same", "very alike", "fairly alike", "a little alike", "unrelated", "opposed")
"""Of the steps of the verdict, in their order."""

PARTS = ((0.0, 50.0, "lower than most"), (50.0, 95.0, "higher"), (95.0, 100.0, "top 5 %"))
"""Of the random pairs of a background."""

WHOLE = {"cosine": (-1.0, 1.0), "hamming": (0.0, 1.0)}
"""The ends of kinds of scores that have two."""


def view_place(explanation: Explanation) -> PlaceView | None:
    """Return where the score stands; None where its kind has no ends, as a product has none.

    With a background that is its percentile among random pairs; a cosine of the model's own has the
    steps of the verdict, and any other the ends of its kind.
    """
    if explanation.background is not None:
        return _among(explanation)
    if has_zero(explanation):
        return _on_steps(explanation)
    ends = WHOLE.get(explanation.similarity_function)
    if ends is None:
        return None
    low, high = ends
    score = score_of(explanation, explanation.similarity)
    return PlaceView(
        at=_percent(explanation.similarity, low, high),
        zones=(Zone("", 0.0, 100.0, is_here=False),),
        ticks=tuple(
            (_percent(value, low, high), format_number(value, 0))
            for value in dict.fromkeys((low, 0.0, high))
        ),
        nearest=None,
        said=f"{score} on the scale of {score_name(explanation.similarity_function)}, which goes "
        f"from {format_number(low, 0)} to {format_number(high, 0)}",
    )


def _on_steps(explanation: Explanation) -> PlaceView:
    least = [LOWEST if value <= -1 else value for value, _ in STEPS]
    ends = [1.0, *least[:-1]]
    here = next(
        (n for n, (value, _) in enumerate(STEPS) if explanation.similarity >= value), len(STEPS) - 1
    )
    zones = [
        Zone(name, _percent(low, LOWEST, 1.0), _percent(high, LOWEST, 1.0), n == here)
        for n, (name, low, high) in enumerate(zip(NAMES, least, ends, strict=True))
    ]
    inner = sorted(value for value, _ in STEPS if value > LOWEST)
    score = score_of(explanation, explanation.similarity)
    return PlaceView(
        at=_percent(explanation.similarity, LOWEST, 1.0),
        zones=tuple(reversed(zones)),
        ticks=tuple((_percent(value, LOWEST, 1.0), _short(value)) for value in (*inner, 1.0)),
        nearest=None,
        said=f"{score} on the scale of a cosine, up to 1: {NAMES[here]}",
    )


def _among(explanation: Explanation) -> PlaceView:
    found = explanation.background
    assert found is not None
    at = found.percentile
    said = f"more alike than {format_percentile(at)} of random pairs of {found.texts:,} texts"
    if found.nearest_percentile is not None:
        said += f", and than {format_percentile(found.nearest_percentile)} of texts and their "
        said += "nearest"
    ring = "" if found.nearest_percentile is None else " (ring)"
    return PlaceView(
        at=round(at, 2),
        zones=tuple(Zone(name, low, high, low <= at <= high) for low, high, name in PARTS),
        ticks=((0.0, "0 %"), (50.0, "50 %"), (95.0, "95 %")),
        nearest=found.nearest_percentile,
        said=said,
        caption=f"{said[0].upper()}{said[1:]}{ring}.",
    )


def _percent(value: float, low: float, high: float) -> float:
    return round(100 * place_between(value, low, high), 2)


def _short(value: float) -> str:
    """Return a number without zeros at its end."""
    return format_number(value, 2).rstrip("0").rstrip(".")
