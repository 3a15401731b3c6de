"""The results of finished runs: the leaderboard, and every sample's values."""

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from whyalike.errors import FormatError, OptionError
from whyalike.evaluation.leaderboard_file import NAME, read_leaderboard
from whyalike.evaluation.leaderboard_page import page_of
from whyalike.evaluation.pair_texts import read_pair_texts
from whyalike.render.leaderboard import board_content
from whyalike.render.wording import describe_prompts
from whyalike.web.explorer.drawing import Drawing
from whyalike.web.explorer.samples import (
    DIRECTIONS,
    SAMPLES_SHOWN,
    SampleOrder,
    TextPair,
    view_samples,
)

if TYPE_CHECKING:
    from whyalike.evaluation.leaderboard import Leaderboard

HERE = "/evaluate"
SAMPLES = "/evaluate/samples"
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
            ),
            run=run,
            order=order,
            metrics=[(m, m) for m in board.metrics(dataset) if (dataset, m) in board.tables],
            methods=[(method, method) for method in methods],
            directions=list(DIRECTIONS.items()),
            missing=missing,
            note=" ".join(filter(None, (note, other))),
            back=f"{HERE}?{urlencode({'run': run})}",
            before=link(max(0, first - SAMPLES_SHOWN)) if first else "",
            after=link(last) if last < count else "",
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

    async def _board(self, board: "Leaderboard") -> str:
        page = await run_in_threadpool(page_of, board)
        return await self.drawing.draw("leaderboard.html.j2", **board_content(page))


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
