"""The samples of a run by one metric: in which order, with which texts, and what methods got."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whyalike.errors import OptionError
from whyalike.evaluation.suite_metrics import METRICS
from whyalike.render.grid import Cell, Grid, make_cell
from whyalike.render.html import excerpt
from whyalike.render.wording import format_number, format_signed
from whyalike.web.explorer.asking import Asked
from whyalike.web.explorer.questions import DOCUMENTS

if TYPE_CHECKING:
    from whyalike.evaluation.leaderboard import Leaderboard
    from whyalike.evaluation.leaderboard_entry import Entry

SAMPLES_SHOWN = 20
SHOWN_OF_TEXT = 320
DIRECTIONS = {"down": "Highest first", "up": "Lowest first"}
DIGITS = 3

TextPair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SampleOrder:
    """How samples are sorted: by what ``by`` got, less what ``minus`` got; "" is no method.

    Without ``by`` they are in the order of the run.
    """

    by: str
    minus: str
    direction: str

    @classmethod
    def of(cls, asked: Asked, methods: Collection[str]) -> "SampleOrder":
        """Read it. Raises OptionError on a method that the run has not, or another direction."""
        by, minus = asked.one("by"), asked.one("minus")
        direction = asked.one("direction", next(iter(DIRECTIONS)))
        for said, allowed in ((by, methods), (minus, methods), (direction, DIRECTIONS)):
            if said and said not in allowed:
                raise OptionError(f"{said[:60]!r} is none of: {', '.join(allowed)}.")
        return cls(by, minus if by and minus != by else "", direction)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The methods that are sorted by."""
        return tuple(name for name in (self.by, self.minus) if name)

    @property
    def said(self) -> str:
        """The order in words."""
        if not self.by:
            return "in the order of the run"
        less = f" less {self.minus}" if self.minus else ""
        return f"by {self.by}{less}, {DIRECTIONS[self.direction].lower()}"


@dataclass(frozen=True, slots=True)
class PairLink:
    """Where a pair is explained: a link, or the fields of a form where that would be too long."""

    link: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SampleView:
    """A sample: its beginnings of texts, each method's figure, and what it is sorted by."""

    number: str
    texts: TextPair
    figures: tuple[tuple[str, Cell, bool], ...]
    difference: str
    pair: PairLink


@dataclass(frozen=True, slots=True)
class SamplesView:
    """Some of a dataset's samples by one metric. Without texts there is the grid alone."""

    dataset: str
    metric: str
    summary: str
    aim: str
    note: str
    samples: tuple[SampleView, ...]
    grid: Grid
    said: str


def view_samples(
    board: "Leaderboard",
    dataset: str,
    metric: str,
    *,
    order: SampleOrder,
    first: int,
    texts: Sequence[TextPair],
    ask: tuple[str, Collection[str]],
    documents: bool = False,
) -> SamplesView:
    """Return SAMPLES_SHOWN samples, those from ``first`` on, with methods best first.

    The shade of a figure is its part of the greatest of all samples.

    Args:
        board: the run.
        dataset: of the run.
        metric: one that the dataset has figures of.
        order: of the samples.
        first: how many samples stand before them.
        texts: of all samples, in the order of the run; none where they are not known.
        ask: the served model to explain by, "" for the default, and its methods.
        documents: whether both texts of a sample are documents to the model.
    """
    entries, about = board.tables[dataset, metric], METRICS[metric]
    known = [abs(v) for entry in entries for v in entry.values if v is not None]
    greatest = max(known, default=0.0)
    ordered = sort_samples(entries, order)
    shown = ordered[first : first + SAMPLES_SHOWN]
    model, able = ask
    wanted = order.chosen or tuple(entry.method for entry in entries)
    methods = tuple(name for name in wanted if name in able)[: max(1, len(order.chosen))]
    samples, rows = [], []
    for sample, by in shown:
        cells = tuple(_cell(entry, sample, of=greatest) for entry in entries)
        number = f"{sample + 1:,}"
        rows.append((number, cells))
        if texts:
            left, right = texts[sample]
            samples.append(
                SampleView(
                    number=number,
                    texts=(excerpt(left, most=SHOWN_OF_TEXT), excerpt(right, most=SHOWN_OF_TEXT)),
                    figures=tuple(
                        (entry.method, cell, entry.method in order.chosen)
                        for entry, cell in zip(entries, cells, strict=True)
                    ),
                    difference="" if by is None or not order.minus else format_signed(by, DIGITS),
                    pair=link_to_pair(
                        left, right, model=model, methods=methods, documents=documents
                    ),
                )
            )
    last = first + len(shown)
    return SamplesView(
        dataset=dataset,
        metric=metric,
        summary=about.summary,
        aim=about.aim,
        note=f"Samples {first + 1:,} to {last:,} of {len(ordered):,}, {order.said}.",
        samples=tuple(samples),
        grid=Grid(tuple(entry.method for entry in entries), tuple(rows)),
        said=" and ".join(methods),
    )


def sort_samples(entries: "Sequence[Entry]", order: SampleOrder) -> list[tuple[int, float | None]]:
    """Return samples with what they are sorted by; those without a figure come last."""
    values = {entry.method: entry.values for entry in entries}
    count = max(map(len, values.values()))

    def figure(method: str, sample: int) -> float | None:
        own = values[method]
        return own[sample] if sample < len(own) else None

    found: list[tuple[int, float | None]] = []
    for sample in range(count):
        by = figure(order.by, sample) if order.by else None
        less = figure(order.minus, sample) if order.minus else 0.0
        found.append((sample, None if by is None or less is None else by - less))
    sign = -1 if order.direction == "down" else 1
    return sorted(found, key=lambda one: (one[1] is None, sign * (one[1] or 0.0), one[0]))


def link_to_pair(
    left: str, right: str, *, model: str, methods: Sequence[str], documents: bool = False
) -> PairLink:
    """Return where the texts are explained, by the first method and by another beside it."""
    first, beside = (*methods, "", "")[:2]
    named = (
        ("left", left),
        ("right", right),
        ("model", model),
        ("method", first),
        ("beside", beside),
        ("texts", DOCUMENTS if documents else ""),
    )
    fields = tuple((name, value) for name, value in named if value)
    link = Asked({name: (value,) for name, value in fields}).link()
    return PairLink(f"/?{link}" if link else "", fields)


def _cell(entry: "Entry", sample: int, *, of: float) -> Cell:
    value = entry.values[sample] if sample < len(entry.values) else None
    return make_cell(value, "–" if value is None else format_number(value, 2), of=of)
