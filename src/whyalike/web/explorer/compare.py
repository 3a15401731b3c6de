"""One query and two texts: why one of them is scored above the other."""

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from whyalike.comparison import Comparison
from whyalike.errors import OptionError, TextError, TooCostlyError
from whyalike.render.comparison import view_comparison
from whyalike.render.parts import format_number
from whyalike.web.api.estimates import Estimate
from whyalike.web.explorer.asking import COMPARISONS, ONCE, Asked, CompareQuestion
from whyalike.web.explorer.compare_edits import (
    SIDES,
    Compared,
    tried_comparison,
    view_comparison_edits,
)
from whyalike.web.explorer.drawing import (
    Drawing,
    Exports,
    Result,
    attachment,
    call_in_python,
    comparison_in_shell,
    draw_png,
    file_name,
    forms_at,
    move_to,
    open_in_python,
    page_title,
)
from whyalike.web.explorer.edits import Edit, edited_texts, read_edits

if TYPE_CHECKING:
    from whyalike.explainer import Explainer

_Done = tuple[Asked, Compared, tuple[Edit, ...]]

HERE = "/compare"
FORMS = ("json", "html", "png")
SAME = {"query": "query", "method": "method"}
EMPTY = "Give a query and two texts. Or begin with one of these."


class ComparePage:
    """The page of a comparison, and its answer as a file."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing, self.service = drawing, drawing.service

    def register(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        self.drawing.add(app, HERE, self.show)
        self.drawing.add(app, HERE + "/{form}", self.save)

    async def show(self, request: Request) -> Response:
        """Show the page, or the answer alone."""
        asked = await self.drawing.read(request)

        async def find() -> Result:
            nonlocal asked
            asked, done = await self._edit(asked)
            return await self._find(asked, CompareQuestion.of(self._filled(asked)), done)

        async def content() -> dict[str, object]:
            question = CompareQuestion.of(self._filled(asked))
            return {
                "asked": question,
                "models": [(name, name) for name in self.service.models],
                "groups": await self.drawing.method_groups(question.model, signed=True),
                "limit": self.service.limits.text,
            }

        return await self.drawing.answer(
            request,
            asked,
            find=find,
            template="compare.html.j2",
            here=HERE,
            content=content,
        )

    async def save(self, request: Request, form: str) -> Response:
        """Give the answer as JSON, as a page of its own, or as a picture."""
        if form not in FORMS:
            raise HTTPException(404)
        asked = await self.drawing.read(request)

        async def make() -> Response:
            question = CompareQuestion.of(asked)
            found = (await self._compare(question)).found
            file = file_name(question.query, question.first, question.second)
            return attachment(await _write(found, form), form, file)

        return await self.drawing.file(request, make)

    def _filled(self, asked: Asked) -> Asked:
        """Return what is asked with the method that is used where none is chosen."""
        try:
            method = self.service.model(asked.one("model") or None).signed_method
        except OptionError:
            return asked
        return Asked({"method": (method,), **asked.fields}, asked.is_part)

    async def _edit(self, asked: Asked) -> "tuple[Asked, _Done | None]":
        """Return the question with its edits made, and what they were made of."""
        edits, plain = read_edits(asked, sides=SIDES), asked.without(*ONCE)
        question = CompareQuestion.of(self._filled(plain))
        if not edits or not question.is_whole:
            return asked, None
        # Both scores are kept of the answer before; checks of its rows would be asked for again.
        before = await self._compare(question, check=0)
        texts = await run_in_threadpool(edited_texts, before.texts, edits)
        made = {**plain.fields, **{which: (text,) for which, text in texts.items()}}
        return Asked(made, asked.is_part), (plain, before, edits)

    async def _find(
        self, asked: Asked, question: CompareQuestion, done: "_Done | None" = None
    ) -> Result:
        served = self.service.model(question.model or None)
        if not question.is_whole:
            blank = not (question.query or question.first or question.second)
            markup = await self.drawing.draw(
                "empty.html.j2",
                title="Nothing to compare yet",
                text=EMPTY if blank else "One of the three boxes is still empty.",
                examples=COMPARISONS if blank else (),
            )
            return Result(markup)
        # Who edits a word has waited for the same before.
        if done is None and (
            dear := await self.drawing.ask_first(asked, await self._estimate(question))
        ):
            return dear
        compared = await self._compare(question)
        found, swapped = compared.found, compared.swapped
        change = tried_comparison(*done, compared) if done else None
        names = ("text B", "text A") if swapped else ("text A", "text B")
        view = await run_in_threadpool(view_comparison, found, id="c1", names=names)
        fields = ("second", "first") if swapped else ("first", "second")
        markup = await self.drawing.draw(
            "part_compare.html.j2",
            view=replace(
                view,
                query=replace(view.query, name="query"),
                better=replace(view.better, name=fields[0]),
                worse=replace(view.worse, name=fields[1]),
            ),
            said=change.said if change else _said(found, swapped=swapped),
            edits=view_comparison_edits(asked, compared, change),
            take=_take(served.explainer, found, asked),
            title=page_title("Compare", question.query, question.first),
            moves=(
                (
                    "Swap A and B",
                    move_to(HERE, asked, {**SAME, "first": "second", "second": "first"}),
                ),
                ("Query and A as a pair", move_to("/", asked, {"left": "query", "right": "first"})),
                (
                    "Query and B as a pair",
                    move_to("/", asked, {"left": "query", "right": "second"}),
                ),
            ),
        )
        return Result(markup)

    async def _estimate(self, question: CompareQuestion) -> Estimate:
        """Return what the comparison takes; nothing for what is refused once it is asked for."""
        with suppress(OptionError, TextError, TooCostlyError):
            return await self.service.estimate_comparison(
                self.service.allowance(),
                question.query,
                question.first,
                question.second,
                model=question.model or None,
                method=question.method or None,
            )
        return Estimate()

    async def _compare(self, question: CompareQuestion, *, check: int | None = None) -> Compared:
        """Return the comparison, the higher text first; ``check`` as Service.compare has it."""
        found = await self.service.compare(
            question.query,
            question.first,
            question.second,
            model=question.model or None,
            method=question.method or None,
            check=check,
        )
        if found.margin >= 0:
            return Compared(found, swapped=False)
        return Compared(found.swapped, swapped=True)


def _said(found: Comparison, *, swapped: bool) -> str:
    if found.margin == 0:
        return "Both texts are scored the same."
    above, below = ("B", "A") if swapped else ("A", "B")
    return f"Text {above} is scored above text {below}, by {format_number(found.margin, 3)}."


def _take(explainer: "Explainer", found: Comparison, asked: Asked) -> Exports:
    method = found.better.method
    texts = found.query.text, found.better.right.text, found.worse.right.text
    opened = open_in_python(explainer, method, found.better.options)
    return Exports(
        link=asked.link(),
        forms=forms_at(
            HERE,
            "JSON",
            "HTML",
            "PNG",
            file=file_name(*map(asked.one, ("query", "first", "second"))),
        ),
        python=f"{opened}{call_in_python('c = explainer.compare', texts)}print(c)\n",
        shell=comparison_in_shell(explainer, method, found.better.options, texts),
    )


async def _write(found: Comparison, form: str) -> bytes:
    if form == "json":
        return found.to_json(indent=2).encode()
    if form == "html":
        return (await run_in_threadpool(found.to_html)).encode()
    from whyalike.render import draw_comparison

    return await draw_png(lambda stream: draw_comparison(found, stream, format="png"))
