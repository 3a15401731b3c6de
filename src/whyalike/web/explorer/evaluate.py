"""The results of finished runs: the leaderboard, and every sample's values."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from whyalike.errors import FormatError
from whyalike.evaluation.leaderboard_file import NAME, read_leaderboard
from whyalike.evaluation.leaderboard_page import page_of
from whyalike.evaluation.suite_metrics import METRICS
from whyalike.render.grid import Grid, make_cell
from whyalike.render.leaderboard import PLOT, plot_table
from whyalike.render.wording import format_number
from whyalike.web.explorer.asking import Asked
from whyalike.web.explorer.drawing import Drawing

if TYPE_CHECKING:
    from whyalike.evaluation.leaderboard import Leaderboard

HERE = "/evaluate"
SAMPLES = "/evaluate/samples"
SAMPLES_SHOWN = 50
UNREADABLE = "The file leaderboard.json of this run is missing, damaged or of another release."


@dataclass(frozen=True, slots=True)
class SamplesView:
    """Values of samples (rows) by methods (columns), by one metric on one dataset."""

    dataset: str
    metric: str
    summary: str
    better: str
    note: str
    grid: Grid


class EvaluatePage:
    """The pages of finished runs."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing, self.results = drawing, drawing.service.results
        self._read: dict[str, tuple[float, Leaderboard]] = {}

    def register(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        for path, handler in ((HERE, self.show), (SAMPLES, self.samples)):
            app.add_api_route(
                path, handler, methods=["GET"], response_model=None, include_in_schema=False
            )

    async def show(self, request: Request) -> Response:
        """Show a run: the first, or the one that is asked for."""
        asked = await self.drawing.read(request)
        names = list(self.results)
        run = asked.one("run", names[0] if names else "")
        content: dict[str, object] = {"markup": "", "samples": (), "failure": ""}
        if names:
            try:
                board = await self._leaderboard(run)
                content["markup"] = await self._board(board)
                content["samples"] = _links(run, board)
            except FormatError:
                content["failure"] = UNREADABLE
        runs = [(name, name) for name in names]
        return await self.drawing.page("evaluate.html.j2", HERE, runs=runs, chosen=run, **content)

    async def samples(self, request: Request) -> Response:
        """Show what each method got on each sample."""
        asked = await self.drawing.read(request)
        run, dataset, metric = asked.one("run"), asked.one("dataset"), asked.one("metric")
        first = _start(asked)
        try:
            board = await self._leaderboard(run)
        except FormatError as error:
            raise HTTPException(404, UNREADABLE) from error
        if metric not in METRICS or (dataset, metric) not in board.tables:
            raise HTTPException(404)
        view, count = view_samples(board, dataset, metric, first=first)
        last = first + SAMPLES_SHOWN

        def link(start: int) -> str:
            return f"{SAMPLES}?{asked.link(start=str(start + 1))}"

        return await self.drawing.page(
            "samples.html.j2",
            HERE,
            view=view,
            back=f"{HERE}?{urlencode({'run': run})}",
            before=link(max(0, first - SAMPLES_SHOWN)) if first else "",
            after=link(last) if last < count else "",
        )

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

    async def _board(self, board: "Leaderboard") -> str:
        page = await run_in_threadpool(page_of, board)
        sections = [(one, [plot_table(table) for table in one.tables]) for one in page.sections]
        return await self.drawing.draw(
            "leaderboard.html.j2", page=page, sections=sections, plot=PLOT
        )


def view_samples(
    board: "Leaderboard", dataset: str, metric: str, *, first: int
) -> tuple[SamplesView, int]:
    """Return the values from a sample on, methods best first, and how many samples there are.

    The shade of a value is its part of the greatest of all samples.
    """
    entries, about = board.tables[dataset, metric], METRICS[metric]
    count = max(len(entry.values) for entry in entries)
    known = [abs(v) for entry in entries for v in entry.values if v is not None]
    greatest = max(known, default=0.0)
    last = min(count, first + SAMPLES_SHOWN)
    rows = []
    for sample in range(first, last):
        values = [e.values[sample] if sample < len(e.values) else None for e in entries]
        cells = tuple(
            make_cell(v, "–" if v is None else format_number(v, 2), of=greatest) for v in values
        )
        rows.append((str(sample + 1), cells))
    view = SamplesView(
        dataset=dataset,
        metric=metric,
        summary=about.summary,
        better="higher" if about.higher_is_better else "lower",
        note=f"Samples {first + 1:,} to {last:,} of {count:,}, in the order of the run.",
        grid=Grid(tuple(entry.method for entry in entries), tuple(rows)),
    )
    return view, count


def _links(run: str, board: "Leaderboard") -> list[tuple[str, list[tuple[str, str]]]]:
    """Return, for each dataset, its metrics with links to their samples."""
    return [
        (
            dataset,
            [
                (m, f"{SAMPLES}?{urlencode({'run': run, 'dataset': dataset, 'metric': m})}")
                for m in board.metrics(dataset)
                if (dataset, m) in board.tables
            ],
        )
        for dataset in board.datasets
    ]


def _start(asked: Asked) -> int:
    said = asked.one("start", "1")
    if not (said.isascii() and said.isdecimal() and len(said) <= 9):
        raise HTTPException(422)
    return max(0, int(said) - 1)
