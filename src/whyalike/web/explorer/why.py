"""One result of a search, explained whole: what a card of the catalogue opens, and a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from whyalike.render.html import own_id
from whyalike.render.parts import format_number
from whyalike.render.view import view_explanation
from whyalike.web.explorer.asking import Asked, SearchQuestion
from whyalike.web.explorer.drawing import Drawing, Result

if TYPE_CHECKING:
    from whyalike.web.api.searches import Found

HERE = "/catalogue"
WHY = "/catalogue/why"

LONGEST_REPEATED = 600
"""Characters of a link that stands in every card; longer questions are sent by one form."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Where a result is explained: a link; or, by the form of the page, the id and the part."""

    link: str
    hit: str


def openings(asked: Asked, found: "Found", scale: str) -> Mapping[tuple[str, str], Opening]:
    """Return where each explanation of a search is opened, by the item's id and its part."""
    places = {}
    for hit in found.page.hits:
        for part, _ in hit.explanations:
            link = asked.link(hit=hit.id, part=part, scale=scale, missing="", k="", start="")
            short = 0 < len(link) <= LONGEST_REPEATED
            places[hit.id, part] = Opening(
                f"{WHY}?{link}" if short else "", f"{part}{SEPARATOR}{hit.id}"
            )
    return places


def fields_of(asked: Asked, scale: str) -> list[tuple[str, str]]:
    """Return the fields of the form that opens what has no link; its buttons say which."""
    left_out = ("hit", "part", "scale", "missing", "k", "start")
    fields = [(n, v) for n, values in asked.fields.items() if n not in left_out for v in values]
    return [*fields, ("scale", scale)]


SEPARATOR = "\N{SYMBOL FOR UNIT SEPARATOR}"
"""Between a part and an id that one button sends."""


class WhyPage:
    """The explanation of one item for one question, by itself or as part of the results."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing, self.service = drawing, drawing.service

    def register(self, app: FastAPI) -> None:
        """Add the route to ``app``; before those of files, which take any name."""
        self.drawing.add(app, WHY, self.show)

    async def show(self, request: Request) -> Response:
        """Show the explanation in a page, or alone."""
        asked = await self.drawing.read(request)
        if not asked.one("hit"):
            raise HTTPException(404)
        back = f"{HERE}?{asked.link(hit='', part='', scale='')}"

        async def content() -> dict[str, object]:
            return {"back": back}

        return await self.drawing.answer(
            request,
            asked,
            find=partial(self._find, asked),
            template="why.html.j2",
            here=HERE,
            content=content,
        )

    async def _find(self, asked: Asked) -> Result:
        question = SearchQuestion.of(asked)
        hit, part = asked.one("hit"), asked.one("part")
        if SEPARATOR in hit:
            part, _, hit = hit.partition(SEPARATOR)
        placed = await self.service.rank_of(
            hit,
            question.index or None,
            text=question.text_asked,
            id=question.item_asked,
            method=question.method or None,
            part=part,
        )
        explanation, standing = placed.explanation, placed.standing
        assert explanation is not None  # It was asked for.
        view = await run_in_threadpool(
            view_explanation,
            explanation,
            id=own_id("w", (hit, part)),
            scale=asked.one("scale") or "absolute",
        )
        title = standing.item.title or standing.item.id
        rank = "" if standing.rank is None else f"number {standing.rank:,} of {standing.of:,}, "
        pair = Asked(
            {
                "left": (explanation.left.text,),
                "right": (explanation.right.text,),
                "model": (placed.index.model.name,),
                "method": (explanation.method,),
                "texts": ("documents",) if question.item_asked else (),
            }
        ).link()
        markup = await self.drawing.draw(
            "part_why.html.j2",
            view=view,
            title=title,
            part=part,
            said=f"{rank}similarity {format_number(standing.similarity, 3)}",
            alone=not asked.is_part,
            pair=f"/?{pair}" if pair and placed.index.model.name in self.service.models else "",
        )
        return Result(markup)
