"""The samples of a run by one metric: in which order, with which texts, and what methods got."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from whyalike.errors import FormatError, OptionError
from whyalike.evaluation.in_words import AXES, name_of
from whyalike.evaluation.leaderboard import NAME, page_of, read_leaderboard
from whyalike.evaluation.results import read_pair_texts
from whyalike.evaluation.suite_choice import METRICS
from whyalike.render.html import excerpt
from whyalike.render.leaderboard import board_content
from whyalike.render.parts import describe_prompts, format_number, format_signed
from whyalike.render.view import Cell, Grid, make_cell
from whyalike.web.explorer.asking import DOCUMENTS, Asked
from whyalike.web.explorer.deleted import view_deleted
from whyalike.web.explorer.drawing import Drawing, Result

if TYPE_CHECKING:
    from whyalike.evaluation.leaderboard import Entry, Leaderboard


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
    """A sample: its beginnings of texts, each method's figure, and what it is sorted by.

    ``deleted`` is where the words are shown that each method deletes, "" where it deletes none.
    """

    number: str
    texts: TextPair
    figures: tuple[tuple[str, Cell, bool], ...]
    difference: str
    pair: PairLink
    deleted: str = ""


@dataclass(frozen=True, slots=True)
class SamplesView:
    """Some of a dataset's samples by one metric. Without texts there is the grid alone.

    ``title`` is what the metric is called where people read.
    """

    dataset: str
    metric: str
    title: str
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
    deleted: str = "",
) -> SamplesView:
    """Return SAMPLES_SHOWN samples, those from ``first`` on, with methods best first.

    The shade of a figure is its part of the greatest of all samples.

    Parameters
    ----------
    board : Leaderboard
        The run.
    dataset : str
        Of the run.
    metric : str
        One that the dataset has figures of.
    order : SampleOrder
        Of the samples.
    first : int
        How many samples stand before them.
    texts : sequence of TextPair
        Of all samples, in the order of the run; none where they are not known.
    ask : tuple[str, collection of str]
        The served model to explain by, "" for the default, and its methods.
    documents : bool, default=False
        Whether both texts of a sample are documents to the model.
    deleted : str, default=''
        The address of the words that methods delete, but for the sample's number, if there is one.
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
                    deleted=f"{deleted}&sample={sample + 1}" if deleted else "",
                )
            )
    last = first + len(shown)
    return SamplesView(
        dataset=dataset,
        metric=metric,
        title=name_of(metric),
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


HERE = "/evaluate"
SAMPLES = "/evaluate/samples"
DELETED = "/evaluate/deleted"
UNREADABLE = "The file leaderboard.json of this run is missing, damaged or of another release."

NO_TEXTS = (
    "The texts of these samples were not kept: the run was made with --no-texts, or by an earlier "
    "release. The command of the run adds them when it is given again without --no-texts; what "
    "the same release has measured is not measured anew."
)

OTHER_TEXTS = "The file of this run’s texts is damaged, or of other pairs: make the run again."


class EvaluatePage:
    """The pages of finished runs."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing, self.results = drawing, drawing.service.results
        self._read: dict[str, tuple[float, Leaderboard]] = {}

    def register(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        pages = ((HERE, self.show), (SAMPLES, self.samples), (DELETED, self.deleted))
        for path, handler in pages:
            app.add_api_route(
                path, handler, methods=["GET"], response_model=None, include_in_schema=False
            )

    async def show(self, request: Request) -> Response:
        """Show a run: the first, or the one that is asked for."""
        asked = await self.drawing.read(request)
        names = list(self.results)
        run = asked.one("run", names[0] if names else "")
        content: dict[str, object] = {"markup": "", "samples": (), "answers": (), "failure": ""}
        if names:
            try:
                board = await self._leaderboard(run)
                content |= await self._board(board)
                content["samples"] = _links(run, board)
            except FormatError:
                content["failure"] = UNREADABLE
        runs = [(name, name) for name in names]
        return await self.drawing.page("evaluate.html.j2", HERE, runs=runs, chosen=run, **content)

    async def samples(self, request: Request) -> Response:
        """Show the samples of a dataset: their texts, and what each method got on them."""
        asked = await self.drawing.read(request)
        run, dataset, metric = asked.one("run"), asked.one("dataset"), asked.one("metric")
        try:
            board = await self._leaderboard(run)
        except FormatError as error:
            raise HTTPException(404, UNREADABLE) from error
        entries = board.tables.get((dataset, metric))
        if not entries:
            raise HTTPException(404)
        methods = [entry.method for entry in entries]
        count = max(len(entry.values) for entry in entries)
        try:
            order = SampleOrder.of(asked, methods)
            first = min(asked.whole("start", 1), max(1, count)) - 1
        except OptionError as error:
            raise HTTPException(422, str(error)) from error
        texts, missing = await run_in_threadpool(self._texts, run, dataset, count)
        ask, note = self._ask(board)
        documents, other = self._prompts(board, ask[0])

        def link(start: int) -> str:
            return f"{SAMPLES}?{asked.link(start=str(start + 1))}"

        last = first + SAMPLES_SHOWN
        return await self.drawing.page(
            "samples.html.j2",
            HERE,
            view=view_samples(
                board,
                dataset,
                metric,
                order=order,
                first=first,
                texts=texts,
                ask=ask,
                documents=documents,
                deleted=_deleted_of(run, dataset, metric),
            ),
            run=run,
            order=order,
            metrics=[
                (m, name_of(m)) for m in board.metrics(dataset) if (dataset, m) in board.tables
            ],
            methods=[(method, method) for method in methods],
            directions=list(DIRECTIONS.items()),
            missing=missing,
            note=" ".join(filter(None, (note, other))),
            back=f"{HERE}?{urlencode({'run': run})}",
            before=link(max(0, first - SAMPLES_SHOWN)) if first else "",
            after=link(last) if last < count else "",
        )

    async def deleted(self, request: Request) -> Response:
        """Show which words of a sample each method of the run deletes first, and in what order."""
        asked = await self.drawing.read(request)
        run, dataset, metric = asked.one("run"), asked.one("dataset"), asked.one("metric")
        try:
            board = await self._leaderboard(run)
        except FormatError as error:
            raise HTTPException(404, UNREADABLE) from error
        entries = board.tables.get((dataset, metric))
        if not entries or metric not in AXES:
            raise HTTPException(404)
        count = max(len(entry.values) for entry in entries)
        texts, missing = await run_in_threadpool(self._texts, run, dataset, count)
        try:
            number = asked.whole("sample", 1)
        except OptionError as error:
            raise HTTPException(422, str(error)) from error
        if not texts or number > count:
            raise HTTPException(404, missing)
        (model, able), note = self._ask(board)
        documents, other = self._prompts(board, model)

        async def find() -> Result:
            found, left_out = [], []
            for entry in entries:
                if entry.method not in able:
                    left_out.append(entry.method)
                    continue
                explanation = await self.drawing.service.explain(
                    *texts[number - 1],
                    model=model or None,
                    method=entry.method,
                    documents=documents,
                )
                found.append(view_deleted(explanation, metric))
            markup = await self.drawing.draw(
                "part_deleted.html.j2",
                views=found,
                by_pairs=metric.startswith("pair_"),
                left_out=left_out,
                note=" ".join(filter(None, (note, other))),
            )
            return Result(markup)

        async def content() -> dict[str, object]:
            return {"number": number, "back": _samples_of(run, dataset, metric)}

        return await self.drawing.answer(
            request, asked, find=find, template="deleted.html.j2", here=HERE, content=content
        )

    def _texts(self, run: str, dataset: str, count: int) -> tuple[tuple[TextPair, ...], str]:
        """Return the texts of ``count`` samples; or none, and why there are none."""
        try:
            found = read_pair_texts(self.results[run], dataset)
        except FormatError:
            return (), OTHER_TEXTS
        if found is None:
            return (), NO_TEXTS
        return (found, "") if len(found) == count else ((), OTHER_TEXTS)

    def _ask(self, board: "Leaderboard") -> tuple[tuple[str, frozenset[str]], str]:
        """Return the served model that explains a run's pairs, its methods, and what to say."""
        models = self.drawing.service.models
        names = {one.explainer.model.name: name for name, one in models.items()}
        model = names.get(board.model, "")
        methods = frozenset(one.name for one in self.drawing.choices(model))
        if model:
            return (model, methods), ""
        used = next(iter(models), "")
        return (model, methods), (
            f"Pairs are explained by {used}: the model of this run, {board.model}, is not served."
        )

    def _prompts(self, board: "Leaderboard", model: str) -> tuple[bool, str]:
        """Return whether a run's texts are all documents to the served model, and what to say."""
        models = self.drawing.service.models
        if not models or board.prompts is None:
            return False, ""
        explainer = (models[model] if model else next(iter(models.values()))).explainer
        if board.prompts == explainer.prompts:
            return False, ""
        if board.prompts == explainer.between_documents().prompts:
            return True, ""
        said = describe_prompts(board.prompts) or "none"
        return False, f"The prompts of this run were others ({said}) than pairs are explained with."

    async def _leaderboard(self, run: str) -> "Leaderboard":
        """Return a run's leaderboard, read anew when its file changed. Raises FormatError."""
        if run not in self.results:
            raise HTTPException(404)
        path = self.results[run] / NAME

        def read() -> "tuple[float, Leaderboard]":
            try:
                changed = path.stat().st_mtime
            except OSError as error:
                raise FormatError(f"{path} is missing.") from error
            known = self._read.get(run)
            if known is not None and known[0] == changed:
                return known
            return changed, read_leaderboard(path)

        self._read[run] = await run_in_threadpool(read)
        return self._read[run][1]

    async def _board(self, board: "Leaderboard") -> dict[str, object]:
        """Return the answers, which stand first, and the rest as markup."""
        page = await run_in_threadpool(page_of, board)
        answers = [(one.dataset, one.answer) for one in page.sections if one.answer]
        rest = replace(page, sections=tuple(replace(one, answer="") for one in page.sections))
        markup = await self.drawing.draw("leaderboard.html.j2", **board_content(rest))
        return {"answers": answers, "markup": markup}


def _samples_of(run: str, dataset: str, metric: str) -> str:
    return f"{SAMPLES}?{urlencode({'run': run, 'dataset': dataset, 'metric': metric})}"


def _deleted_of(run: str, dataset: str, metric: str) -> str:
    """Return where the words are shown that methods delete; "" where a metric deletes none."""
    if metric not in AXES:
        return ""
    return f"{DELETED}?{urlencode({'run': run, 'dataset': dataset, 'metric': metric})}"


def _links(run: str, board: "Leaderboard") -> list[tuple[str, list[tuple[str, str]]]]:
    """Return, for each dataset, its metrics in words with links to their samples."""
    return [
        (
            dataset,
            [
                (name_of(m), _samples_of(run, dataset, m))
                for m in board.metrics(dataset)
                if (dataset, m) in board.tables
            ],
        )
        for dataset in board.datasets
    ]
