"""Many pairs in a table: sorted, filtered, searched; each row opens its explanation."""

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from whyalike.batch.reading import PairTable, ReadPair, read_pair_table
from whyalike.documents import write_json
from whyalike.errors import (
    BusyError,
    FormatError,
    OptionError,
    TextError,
    WhyalikeError,
)
from whyalike.explanation import Explanation
from whyalike.render.html import excerpt
from whyalike.render.parts import format_number
from whyalike.render.view import view_explanation
from whyalike.spreadsheets import in_csv
from whyalike.web.api.answers import until_disconnected
from whyalike.web.api.asking import read_answer
from whyalike.web.api.estimates import Estimate
from whyalike.web.explorer.asking import Asked
from whyalike.web.explorer.drawing import Drawing, Result, attachment, forms_at, reason_of
from whyalike.web.explorer.uploads import (
    MOST_SENT,
    KeptUploads,
    Upload,
    add_upload,
    as_file,
    read_upload,
    refused,
)

if TYPE_CHECKING:
    from whyalike.web.api.service import Service

HERE = "/pairs"
ROW = "/pairs/row"
FORMS = ("csv", "jsonl")
ROWS_SHOWN = 50
SHOWN_OF_TEXT, SHOWN_OF_VALUE, PAIRS_SHOWN = 160, 60, 3
SHOW = (("", "all rows"), ("explained", "explained ones"), ("bad", "those with an error"))
ORDERS = {"down": "highest first", "up": "lowest first"}
ROW_ORDER, SCORE = "", "score"
GONE = (
    "These pairs are not here (any more): the server keeps the last few uploads until it is "
    "stopped. Send the file again."
)


@dataclass(frozen=True, slots=True)
class TableQuestion:
    """Which rows of which table, in what order; ``start`` is the first that is shown, from 1.

    ``sort`` is ROW_ORDER, SCORE, or ``is.`` and the name of a column of the file.
    """

    table: str
    text: str
    show: str
    low: float | None
    high: float | None
    sort: str
    direction: str
    start: int

    @classmethod
    def of(cls, asked: Asked) -> "TableQuestion":
        """Read it. Raises OptionError on a bound that is no number, or an unknown choice."""
        show, direction = asked.one("show"), asked.one("direction", "down")
        for said, allowed in ((show, dict(SHOW)), (direction, ORDERS)):
            if said not in allowed:
                raise OptionError(f"{said[:60]!r} is none of: {', '.join(filter(None, allowed))}.")
        return cls(
            table=asked.one("table"),
            text=asked.one("find"),
            show=show,
            low=_bound(asked.one("from")),
            high=_bound(asked.one("to")),
            sort=asked.one("sort"),
            direction=direction,
            start=asked.whole("start", 1),
        )


def _bound(said: str) -> float | None:
    if not said.strip():
        return None
    try:
        value = float(said.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise OptionError(f"A score to begin or end at is {said[:60]!r}; give a number.")
    return value


def choose_rows(table: PairTable, question: TableQuestion) -> list[ReadPair]:
    """Return the rows that are asked for, in order; those without what is sorted by come last.

    Raises OptionError where there is no such column.
    """
    words = question.text.casefold().split()
    found = [
        row
        for row in table.rows
        if (question.show != "bad" or row.error)
        and (question.show != "explained" or (row.score is not None and not row.error))
        and _within(row.score, question.low, question.high)
        and (not words or _holds(row, words))
    ]
    if question.sort == ROW_ORDER:
        return found
    name = question.sort.removeprefix("is.")
    if question.sort != SCORE and (name == question.sort or name not in table.kept):
        columns = ", ".join([SCORE, *(f"is.{one}" for one in table.kept)])
        raise OptionError(f"sort is {question.sort[:60]!r}; give one of: {columns}.")

    def value(row: ReadPair) -> object:
        return row.score if question.sort == SCORE else row.kept.get(name)

    known = [row for row in found if value(row) not in (None, "")]
    numbers = [number for row in known if (number := _number(value(row))) is not None]
    if len(numbers) == len(known):
        known.sort(key=lambda row: _number(value(row)) or 0.0, reverse=question.direction == "down")
    else:
        known.sort(
            key=lambda row: _say(value(row)).casefold(), reverse=question.direction == "down"
        )
    return [*known, *(row for row in found if value(row) in (None, ""))]


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _within(score: float | None, low: float | None, high: float | None) -> bool:
    if low is None and high is None:
        return True
    if score is None:
        return False
    return (low is None or score >= low) and (high is None or score <= high)


def _holds(row: ReadPair, words: Sequence[str]) -> bool:
    said = " ".join(
        [*(row.texts or ()), row.verdict, row.error, *map(_say, row.kept.values())]
    ).casefold()
    return all(word in said for word in words)


def _say(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cell(value: object) -> object:
    """Return what a spreadsheet has in a cell: a number is one there, too."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else _say(value)


def row_to_dict(row: ReadPair, table: PairTable) -> dict[str, Any]:
    """Return a row as a file has it: what it came with, texts, score and words, or its error."""
    left, right = row.texts or (None, None)
    names = {"row", "left_text", "right_text", "score", "verdict", "pairs", "error"}
    return {
        "row": row.number,
        **{(f"input_{n}" if n in names else n): row.kept.get(n) for n in table.kept},
        "left_text": left,
        "right_text": right,
        "score": row.score,
        "verdict": row.verdict or None,
        "pairs": [{"left": a, "right": b, "score": score} for a, b, score in row.pairs],
        "error": row.error or None,
    }


def write_rows(rows: Sequence[ReadPair], table: PairTable, form: str) -> str:
    """Return rows as JSON Lines, or as CSV with the pairs of words in one field."""
    told = [row_to_dict(row, table) for row in rows]
    if form == "jsonl":
        return "".join(write_json(one) + "\n" for one in told)
    names = list(row_to_dict(ReadPair(0, None, {}), table))
    written: list[dict[str, object]] = []
    for one, row in zip(told, rows, strict=True):
        words = ", ".join(f"{a} – {b} {score:.4f}" for a, b, score in row.pairs)
        cells = {name: _cell(value) for name, value in one.items()}
        written.append({**cells, "pairs": words})
    return in_csv(written, names)


@dataclass(frozen=True, slots=True)
class RowView:
    """A row as the table prints it; ``link`` is where it is explained, "" where it can't be."""

    number: int
    link: str
    texts: tuple[str, str]
    score: str
    bar: float | None
    pairs: tuple[tuple[str, str], ...]
    error: str
    values: tuple[str, ...]


class PairsPage:
    """The table of a file of pairs, its rows, and what is uploaded."""

    def __init__(self, drawing: Drawing, files: Mapping[str, PairTable]) -> None:
        self.drawing, self.service, self.files = drawing, drawing.service, files
        self.uploads: KeptUploads[PairTable] = KeptUploads()

    def register(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        self.drawing.add(app, HERE, self.show)
        self.drawing.add(app, ROW, self.row)
        add_upload(app, HERE + "/upload", self.upload)
        self.drawing.add(app, HERE + "/{form}", self.save)

    async def show(self, request: Request) -> Response:
        """Show the table, or its rows alone."""
        asked = await self.drawing.read(request)

        async def content() -> dict[str, object]:
            return self._content(asked)

        return await self.drawing.answer(
            request,
            asked,
            find=partial(self._find, asked),
            template="many_pairs.html.j2",
            here=HERE,
            content=content,
        )

    async def row(self, request: Request) -> Response:
        """Show the explanation of one row, in a page or alone."""
        asked = await self.drawing.read(request)
        table, row = self._row(asked)
        place = table.rows.index(row)

        def link(other: int) -> str:
            if not 0 <= other < len(table.rows):
                return ""
            return f"{ROW}?{asked.link(row=str(table.rows[other].number))}"

        async def content() -> dict[str, object]:
            back = f"{HERE}?{asked.link(row='')}"
            return {"back": back, "row": row, "before": link(place - 1), "after": link(place + 1)}

        return await self.drawing.answer(
            request,
            asked,
            find=partial(self._explain_row, table, row, alone=not asked.is_part),
            template="pairs_row.html.j2",
            here=HERE,
            content=content,
        )

    async def save(self, request: Request, form: str) -> Response:
        """Give the rows that are asked for as a file."""
        if form not in FORMS:
            raise HTTPException(404)
        asked = await self.drawing.read(request)

        async def make() -> Response:
            table = self._table(asked)
            question = TableQuestion.of(asked)

            def write() -> str:
                return write_rows(choose_rows(table, question), table, form)

            return attachment(await run_in_threadpool(write), form)

        return await self.drawing.file(request, make)

    async def upload(self, request: Request) -> Response:
        """Take a file of pairs, explain them, and lead to their table.

        Where that takes long it is asked about first; the pairs are kept meanwhile.
        """
        sent = await read_upload(request)
        asked = Asked({name: (said,) for name, said in sent.fields.items() if said})

        async def take() -> str | Result:
            key = asked.one("table")
            table = self.uploads.get(key) if key else await run_in_threadpool(_read, sent)
            if table is None:
                raise OptionError(GONE)
            if not table.is_explained:
                most, count = self.service.limits.batch, len(table.rows) + table.more
                if count > most:
                    raise OptionError(
                        f"{table.name} has {count:,} pairs; this server explains {most:,} at most: "
                        "send a part, or what `whyalike explain --pairs FILE -o results.jsonl` "
                        "writes."
                    )
                asking = {"model": asked.one("model"), "method": asked.one("method")}
                whole = await estimate_table(self.service, table, **asking)
                if dear := await self.drawing.ask_first(asked, whole):
                    key = self.uploads.put(table, key)
                    form = await self.drawing.draw(
                        "dear_pairs.html.j2", table=table, fields={**asking, "table": key}
                    )
                    return Result(dear.markup + form)
                table = await explain_table(self.service, table, whole, **asking)
            return self.uploads.put(table, key)

        try:
            taken = await until_disconnected(request, take())
        except WhyalikeError as error:
            taken = await self.drawing.failed(error)
        if isinstance(taken, str):
            return RedirectResponse(f"{HERE}?{urlencode({'table': taken})}", status_code=303)
        page = await self.drawing.page(
            "many_pairs.html.j2", HERE, result=taken, **self._content(asked.without("table"))
        )
        page.status_code = taken.status
        return page

    def _content(self, asked: Asked) -> dict[str, object]:
        """Return what the page prints besides."""
        named = asked.one("table")
        table = self._find_table(named)
        sorts = [(ROW_ORDER, "the order of the file"), (SCORE, "score")]
        if table is not None:
            sorts += [(f"is.{name}", name) for name in table.kept]
        tables = [(name, name) for name in self.files]
        if table is not None and named not in self.files and named:
            tables = [(named, f"{table.name} (uploaded)"), *tables]
        return {
            "asked": asked,
            "table": table,
            "tables": tables,
            "chosen": named or next(iter(self.files), ""),
            "sorts": sorts,
            "directions": list(ORDERS.items()),
            "shows": SHOW,
            "models": [(name, name) for name in self.service.models],
            "methods": [one.option for one in self.drawing.choices(asked.one("model"))],
            "most": self.service.limits.batch,
            "most_mb": MOST_SENT // 1024 // 1024,
        }

    def _find_table(self, name: str) -> PairTable | None:
        if not name:
            return next(iter(self.files.values()), None)
        return self.files.get(name) or self.uploads.get(name)

    def _table(self, asked: Asked) -> PairTable:
        table = self._find_table(asked.one("table"))
        if table is None:
            raise OptionError(GONE)
        return table

    def _row(self, asked: Asked) -> tuple[PairTable, ReadPair]:
        table = self._find_table(asked.one("table"))
        row = asked.one("row")
        found = next((one for one in table.rows if str(one.number) == row), None) if table else None
        if table is None or found is None:
            raise HTTPException(404)
        return table, found

    async def _find(self, asked: Asked) -> Result:
        if not asked.one("table") and not self.files:
            return Result(
                await self.drawing.draw("empty_pairs.html.j2", most=self.service.limits.batch)
            )
        table, question = self._table(asked), TableQuestion.of(asked)
        rows = await run_in_threadpool(choose_rows, table, question)
        first = min(question.start, max(1, len(rows))) - 1
        shown = rows[first : first + ROWS_SHOWN]
        greatest = max((abs(row.score) for row in table.rows if row.score is not None), default=0.0)
        last = first + len(shown)
        said = f"{first + 1:,} to {last:,} of {len(rows):,} rows" if shown else "No row fits"
        said += f" (of {len(table.rows):,})." if len(rows) < len(table.rows) else "."

        def link(start: int) -> str:
            return f"{HERE}?{asked.link(start=str(start + 1))}"

        def sort_link(name: str) -> tuple[str, str]:
            """Return where a column's head leads, and how the column is sorted now."""
            now = question.direction if question.sort == name else ""
            turned = "up" if now == "down" else "down"
            sorted_ = {"down": "descending", "up": "ascending", "": ""}[now]
            return f"{HERE}?{asked.link(sort=name, direction=turned, start='')}", sorted_

        heads = [("Score", *sort_link(SCORE))]
        kept = [(name, *sort_link(f"is.{name}")) for name in table.kept]
        markup = await self.drawing.draw(
            "part_pairs.html.j2",
            table=table,
            summary=summarise(table),
            said=said,
            rows=[self._view(asked, table, row, greatest) for row in shown],
            score=heads[0],
            kept=kept,
            has_pairs=any(row.pairs for row in table.rows),
            link=asked.link(start=""),
            forms=forms_at(HERE, "CSV", "JSONL"),
            before=link(max(0, first - ROWS_SHOWN)) if first else "",
            after=link(last) if last < len(rows) else "",
        )
        return Result(markup)

    def _view(self, asked: Asked, table: PairTable, row: ReadPair, greatest: float) -> RowView:
        can = row.explanation is not None or (row.texts is not None and not row.error)
        texts = row.texts or ("", "")
        part = 0.0 if row.score is None or not greatest else row.score / greatest
        return RowView(
            number=row.number,
            link=f"{ROW}?{asked.link(row=str(row.number))}" if can else "",
            texts=(
                excerpt(texts[0], most=SHOWN_OF_TEXT) if row.texts else "",
                excerpt(texts[1], most=SHOWN_OF_TEXT) if row.texts else "",
            ),
            score="" if row.score is None else format_number(row.score, 3),
            bar=round(100 * part, 1) if part >= 0 and row.score is not None else None,
            pairs=tuple((a, b) for a, b, _ in row.pairs[:PAIRS_SHOWN]),
            error=row.error,
            values=tuple(
                excerpt(said, most=SHOWN_OF_VALUE) if (said := _say(row.kept.get(name))) else ""
                for name in table.kept
            ),
        )

    async def _explain_row(self, table: PairTable, row: ReadPair, *, alone: bool) -> Result:
        note = ""
        if row.explanation is not None:
            kept = row.explanation
            explanation = await run_in_threadpool(lambda: Explanation.from_dict(kept))
        elif row.error:
            raise OptionError(f"Row {row.number} could not be explained: {row.error}")
        elif row.texts is None:
            raise OptionError(f"The file does not hold the texts of row {row.number}.")
        else:
            served = self._served(table)
            explanation = await self.service.explain(
                *row.texts, model=served.name, method=_able(served.methods, table.method)
            )
            note = _other(table, served.explainer.model.name, explanation, row)
        view = await run_in_threadpool(view_explanation, explanation, id=f"row-{row.number}")
        pair = Asked({"left": (explanation.left.text,), "right": (explanation.right.text,)}).link()
        markup = await self.drawing.draw(
            "part_why.html.j2",
            view=view,
            title=f"Row {row.number:,}",
            part="",
            said=f"similarity {format_number(explanation.similarity, 3)}",
            alone=alone,
            pair=f"/?{pair}" if pair else "",
            note=note,
        )
        return Result(markup)

    def _served(self, table: PairTable) -> Any:
        """Return the model that explains a row: that of the table where it is served."""
        for served in self.service.models.values():
            if table.model in (served.name, served.explainer.model.name):
                return served
        return self.service.model(None)


def _able(methods: Sequence[Any], wanted: str) -> str | None:
    return wanted if any(one.name == wanted for one in methods) else None


def _other(table: PairTable, model: str, explanation: Explanation, row: ReadPair) -> str:
    """Return what to say where a row is not explained as its file was."""
    if table.model and table.model != model:
        return f"Explained by {model}: the model of the file, {table.model}, is not served."
    if row.score is not None and abs(row.score - explanation.similarity) > 1e-3:
        return (
            f"The file has the score {format_number(row.score, 3)}: it was made by another model, "
            "or with other prompts or options."
        )
    return ""


def summarise(table: PairTable) -> str:
    """Return what the table holds, in a sentence."""
    scores = [row.score for row in table.rows if row.score is not None]
    bad = sum(bool(row.error) for row in table.rows)
    count = len(table.rows)
    said = f"{count:,} {'pair' if count == 1 else 'pairs'}"
    if scores:
        ordered = sorted(scores)
        middle = ordered[len(ordered) // 2]
        said += (
            f", scores {format_number(ordered[0], 3)} to {format_number(ordered[-1], 3)}, "
            f"half of them {format_number(middle, 3)} or more"
        )
    said += f"; {bad:,} could not be explained" if bad else ""
    said += f"; {table.more:,} more rows of the file are left out" if table.more else ""
    return said + "."


def _read(sent: Upload) -> PairTable:
    with as_file(sent) as path:
        try:
            return read_pair_table(path, name=sent.name)
        except (FormatError, OptionError, TextError) as error:
            raise refused(error, path, sent.name) from error


async def estimate_table(
    service: "Service", table: PairTable, *, model: str, method: str
) -> Estimate:
    """Return what explaining each pair takes. Raises OptionError where nothing can be explained."""
    served = service.model(model or None)
    served.kind(method or None, None)  # A wrong method is refused before anything is asked.
    whole = Estimate()
    for row in table.rows:
        if row.texts is not None:
            # One that is refused gets its error as it is explained.
            with suppress(OptionError, TextError):
                whole += await service.estimate(
                    *row.texts, model=served.name, method=method or None
                )
    return whole


async def explain_table(
    service: "Service", table: PairTable, whole: Estimate, *, model: str, method: str
) -> PairTable:
    """Return a table with each pair explained; one that can't be has its error.

    ``whole`` is what that takes, as ``estimate_table`` has it.

    Raises
    ------
    TooCostlyError, BusyError
        All together would take too long.
    """
    served = service.model(model or None)
    asked: dict[str, Any] = {"model": served.name, "method": method or None}
    async with service.request() as allowance:
        allowance.take(whole, lambda _: "send fewer pairs, or choose another method")
        allowance.is_paid = True
        window = asyncio.Semaphore(max(1, service.limits.queue.waiting // 4))

        async def explain(row: ReadPair) -> ReadPair:
            if row.texts is None:
                return row
            async with window:
                try:
                    answer = await service.answer(*row.texts, **asked)
                    return await run_in_threadpool(_explained, row, await read_answer(answer))
                except BusyError:
                    raise
                except WhyalikeError as error:
                    return replace(row, error=reason_of(error))

        tasks = [asyncio.ensure_future(explain(row)) for row in table.rows]
        try:
            rows = await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
    return replace(
        table,
        rows=tuple(rows),
        is_explained=True,
        model=served.explainer.model.name,
        method=method or served.explainer.method.name,
    )


def _explained(row: ReadPair, explanation: Explanation) -> ReadPair:
    left, right = explanation.left.words, explanation.right.words
    return replace(
        row,
        score=explanation.similarity,
        verdict=explanation.verdict,
        pairs=tuple(
            (left[pair.left].text, right[pair.right].text, pair.score) for pair in explanation.pairs
        ),
    )
