"""A search in Python and on the command line."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from whyalike.catalogue.reader import MOST_SEARCHED, Facet, find_facets
from whyalike.catalogue.similar_page import say_not_compared
from whyalike.catalogue.titles import find_by_title
from whyalike.errors import OptionError, WhyalikeError
from whyalike.options import BTIOptions
from whyalike.render.parts import format_number
from whyalike.render.scales import Scale
from whyalike.render.similar import render_similar, view_similar
from whyalike.render.view import ExplanationView, view_explanation
from whyalike.web.api.estimates import Estimate
from whyalike.web.explorer.asking import EACH_ITEM, Asked, SearchQuestion
from whyalike.web.explorer.choosing import choices_of
from whyalike.web.explorer.drawing import (
    Drawing,
    Exports,
    Result,
    attachment,
    file_name,
    forms_at,
    in_shell,
    options_in_python,
    options_in_shell,
    page_title,
    reason_of,
)
from whyalike.web.explorer.waiting import say_dear
from whyalike.web.explorer.why import fields_of, openings

if TYPE_CHECKING:
    from whyalike.data.items import Item
    from whyalike.explanation import Explanation
    from whyalike.web.api.searches import Found, Placed
    from whyalike.web.api.served import ServedIndex


def search_in_python(served: "ServedIndex", question: "SearchQuestion", where: str | None) -> str:
    """Return a program that searches the same index by its name here."""
    item = question.item_asked
    asked = f"id={item!r}" if item else repr(question.text)
    method = f"method={_method(served, question)!r}"
    said = {**({"where": where} if where else {}), **question.shape}
    more = "".join(f", {name}={value!r}" for name, value in said.items())
    imports, chosen = options_in_python(_options(served))
    options = f", options={chosen}" if chosen else ""
    return (
        f"{imports}from whyalike.catalogue import CatalogueIndex\n\n"
        f"index = CatalogueIndex.open({served.name!r}{options})\n"
        f"for hit in index.similar({asked}, k={question.k}{more}):\n"
        "    print(hit.rank, hit.similarity, hit.item.title)\n"
        f"    print(hit.explain({method}))\n"
    )


def search_in_shell(served: "ServedIndex", question: "SearchQuestion", where: str | None) -> str:
    """Return a command that searches the same index by its name here.

    Values stand in one word with their options, so that one may begin with a hyphen.
    """
    method = f"--method={_method(served, question)}"
    options = options_in_shell([_method(served, question)], _options(served))
    item = question.item_asked
    asked = f"--id={item}" if item else f"--text={question.text}"
    condition = [f"--where={where}"] if where else []
    count = ("-k", str(question.k))
    shape = ["--no-groups"] if question.group == EACH_ITEM else []
    if question.group and not shape:
        shape = [f"--group-by={question.group}"]
    shape += [f"--{name}" for name in ("diverse", "twins") if getattr(question, name)]
    return in_shell("similar", served.name, asked, *count, *condition, *shape, method, *options)


def _options(served: "ServedIndex") -> BTIOptions:
    """Return the options of this server; what it does with long texts is noted in the index."""
    return replace(served.model.explainer.options, long_text="truncate")


def _method(served: "ServedIndex", question: "SearchQuestion") -> str:
    """Return what explains the results: this server's default need not be the library's."""
    return question.method or served.model.explainer.method.name


WORDS_NAMED = 8


@dataclass(frozen=True, slots=True)
class MissingView:
    """Why an item is not among the results, and its explanation; ``lacks`` are words.

    ``choices`` are items that may be meant instead, each with the link that asks for it.
    """

    title: str
    says: str
    lacks: tuple[str, ...]
    view: ExplanationView | None
    choices: tuple[tuple["Item", str], ...] = ()


def view_missing(placed: "Placed", found: "Found") -> MissingView:
    """Return where an item stands, and which words match in the results but not in it."""
    standing, explanation = placed.standing, placed.explanation
    name = standing.item.title or standing.item.id
    is_here = any(hit.item.id == standing.item.id for hit in found.hits)
    lacks = () if explanation is None or is_here else missing_words(explanation, _reasons(found))
    return MissingView(
        title=f"{name}: here, as number {standing.rank:,}" if is_here else f"{name}: not here",
        says=_says(placed, found, is_here=is_here),
        lacks=lacks,
        view=None if explanation is None else view_explanation(explanation, id="missing"),
    )


def missing_words(explanation: "Explanation", others: "Sequence[Explanation]") -> tuple[str, ...]:
    """Return words of the query that pair in ``others`` but not here, each with how often.

    The query is the left text of all. The commonest come first.
    """
    here = {_span(explanation, pair.left) for pair in explanation.pairs}
    counts: dict[tuple[int, int], int] = {}
    for other in others:
        for span in {_span(other, pair.left) for pair in other.pairs} - here:
            counts[span] = counts.get(span, 0) + 1
    text = explanation.left.text
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return tuple(
        f"{text[start:end]} ({count} of {len(others)})"
        for (start, end), count in ordered[:WORDS_NAMED]
    )


def _span(explanation: "Explanation", index: int) -> tuple[int, int]:
    word = explanation.left.words[index]
    return word.start, word.end


def _reasons(found: "Found") -> "list[Explanation]":
    return [one for reasons in found.reasons for one in reasons.values()]


def _says(placed: "Placed", found: "Found", *, is_here: bool) -> str:
    standing = placed.standing
    score = format_number(standing.similarity, 3)
    if standing.rank is None:
        return f"A search leaves it out: {standing.left_out}. Its similarity is {score}."
    said = f"It is number {standing.rank:,} of {standing.of:,}, with a similarity of {score}"
    if is_here or not found.hits:
        return f"{said}."
    last = found.hits[-1]
    return f"{said}; number {last.rank:,} has {format_number(last.similarity, 3)}."


HERE = "/catalogue"
FORMS = ("json", "html")
ITEMS_SHOWN = 12
COUNTS = (5, 10, 25)


class _DearError(Exception):
    """A search was ended before its reasons were asked for; ``estimate`` is what they take."""

    def __init__(self, estimate: Estimate) -> None:
        super().__init__(estimate)
        self.estimate = estimate


class CataloguePage:
    """The page of an index, and what a search finds as a file."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing, self.service = drawing, drawing.service
        self._facets: dict[str, list[Facet]] = {}

    def register(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        self.drawing.add(app, HERE, self.show)
        # Before the files, whose addresses take any name.
        self.drawing.add(app, HERE + "/titles", self.titles)
        self.drawing.add(app, HERE + "/{form}", self.save)

    async def titles(self, request: Request) -> Response:
        """Give ids and titles that go on from what is typed, as JSON."""
        asked = await self.drawing.read(request)
        said = asked.one("said")

        async def make() -> Response:
            self.service.check("title", said)
            found = await self._meant(self.service.index(asked.one("index") or None), said)
            return JSONResponse([{"id": one.id, "title": one.title} for one in found])

        return await self.drawing.file(request, make)

    async def show(self, request: Request) -> Response:
        """Show the page, or the answer alone."""
        asked = await self.drawing.read(request)
        return await self.drawing.answer(
            request,
            asked,
            find=partial(self._find, asked),
            template="catalogue.html.j2",
            here=HERE,
            content=partial(self._content, asked),
        )

    async def save(self, request: Request, form: str) -> Response:
        """Give what a search finds as JSON or as a page of its own."""
        if form not in FORMS:
            raise HTTPException(404)
        asked = await self.drawing.read(request)

        async def make() -> Response:
            question, several = await self._settled(SearchQuestion.of(asked))
            if several:
                raise OptionError(f"{question.item!r} may be several items: give the id of one.")
            found = await self._search(question)
            name = file_name(*_texts(found))
            return attachment(await run_in_threadpool(_write, found, form), form, name)

        return await self.drawing.file(request, make)

    async def _content(self, asked: Asked) -> dict[str, object]:
        """Return what the page prints besides; it shows even where the question is refused."""
        names = list(self.service.indexes)
        try:
            question = SearchQuestion.of(asked)
        except OptionError:
            known = {n: v for n, v in asked.fields.items() if n not in ("k", "start")}
            question = SearchQuestion.of(Asked(known))
        served = self.service.indexes.get(question.index)
        if served is None and names:
            served = self.service.indexes[names[0]]
        facets = [] if served is None else await self._facets_of(served)
        chosen = "" if served is None else served.model.explainer.method.name
        fields = {"index": (served.name if served else "",), "method": (chosen,)}
        return {
            "asked": SearchQuestion.of(Asked({**fields, **question.asked.fields})),
            "indexes": [(name, name) for name in names],
            "methods": [] if served is None else choices_of(served.model),
            "counts": [(str(k), str(k)) for k in sorted({*COUNTS, question.k})],
            "facets": facets,
            "groups": [] if served is None else groups_of(served, facets),
            "most_offered": MOST_SEARCHED,
            "limit": self.service.limits.text,
        }

    async def _find(self, asked: Asked) -> Result:
        question = SearchQuestion.of(asked)
        if not self.service.indexes:
            return Result(await self.drawing.draw("empty.html.j2", title="", text="", examples=()))
        if not (question.text.strip() or question.item_asked):
            return await self._browse(question)
        question, several = await self._settled(question)
        asked = question.asked
        if several:
            return await self._choose(question, several)
        try:
            found = await self._search(question, before=None if asked.one("sure") else self._stop)
        except _DearError as error:
            if dear := await self.drawing.ask_first(asked, error.estimate):
                return dear
            raise
        served = found.index
        missing = await self._missing(question, found) if question.missing else None
        where = await self._condition(question, served)
        take = Exports(
            link=asked.link(),
            forms=forms_at(HERE, "JSON", "HTML", file=file_name(*_texts(found))),
            python=search_in_python(served, question, where),
            shell=search_in_shell(served, question, where),
        )
        links = {
            hit.item.id: f"{HERE}?{asked.link(text='', item=hit.item.id, missing='', by='')}"
            for hit in found.hits
        }
        count = len(found.hits)
        content = await run_in_threadpool(view_similar, found.page)
        scale = content["scale"].name if isinstance(content["scale"], Scale) else ""
        opens = openings(asked, found, scale)
        by_form = any(not one.link for one in opens.values())
        markup = await self.drawing.draw(
            "part_found.html.j2",
            **content,
            said=f"{count:,} {'item' if count == 1 else 'items'} found.{_unused(question)}",
            title=page_title("Catalogue", *_texts(found)),
            take=take,
            links=links,
            opens=opens,
            fields=fields_of(asked, scale) if by_form else (),
            unused=_unused(question),
            missing=missing,
        )
        return Result(markup)

    async def _meant(self, served: "ServedIndex", said: str) -> "list[Item]":
        """Return the items that may be meant by an id or words of a title."""
        return await self.service.background.run(lambda: find_by_title(served.index.reader, said))

    async def _settled(self, question: SearchQuestion) -> "tuple[SearchQuestion, list[Item]]":
        """Return the question with the id of its item; or also the items that may be meant."""
        said = question.item_asked
        if said is None:
            return question, []
        self.service.check("title", said)
        meant = await self._meant(self.service.index(question.index or None), said)
        if len(meant) != 1:
            return question, meant
        fields = {**question.asked.fields, "item": (meant[0].id,)}
        return SearchQuestion.of(Asked(fields, question.asked.is_part)), []

    async def _choose(self, question: SearchQuestion, items: "list[Item]") -> Result:
        """Show the items that may be meant, to pick one."""
        links = [(one, f"{HERE}?{question.asked.link(item=one.id)}") for one in items]
        said = f"Titles with “{question.item}”: which one is meant?"
        return Result(
            await self.drawing.draw("part_items.html.j2", items=links, note=said, back="", on="")
        )

    def _stop(self, estimate: Estimate) -> None:
        """End a search whose reasons take so long that it is to be asked about first."""
        if say_dear(self.service, estimate) is not None:
            raise _DearError(estimate)

    async def _search(
        self, question: SearchQuestion, *, before: Callable[[Estimate], None] | None = None
    ) -> "Found":
        served = self.service.index(question.index or None)
        return await self.service.similar(
            served.name,
            text=question.text_asked,
            id=question.item_asked,
            k=question.k,
            where=await self._condition(question, served),
            method=question.method or None,
            before=before,
            **question.shape,
        )

    async def _missing(self, question: SearchQuestion, found: "Found") -> MissingView:
        try:
            self.service.check("title", question.missing)
            meant = await self._meant(found.index, question.missing)
            if len(meant) > 1:
                links = [(one, f"{HERE}?{question.asked.link(missing=one.id)}") for one in meant]
                title = f"Titles with “{question.missing}”: which one is missed?"
                return MissingView(title, "", (), None, tuple(links))
            placed = await self.service.rank_of(
                meant[0].id if meant else question.missing,
                found.index.name,
                text=question.text_asked,
                id=question.item_asked,
                where=await self._condition(question, found.index),
                method=question.method or None,
            )
        except WhyalikeError as error:
            return MissingView("That item can’t be looked for", reason_of(error), (), None)
        return await run_in_threadpool(view_missing, placed, found)

    async def _browse(self, question: SearchQuestion) -> Result:
        """Show items to pick one from, those that pass the filters."""
        served = self.service.index(question.index or None)
        where = await self._condition(question, served)
        first = question.start - 1

        def read() -> tuple[list[Any], int, int]:
            reader = served.index.reader
            allowed, not_compared = reader.filtered(where)
            places = np.flatnonzero(allowed)
            chosen = places[first : first + ITEMS_SHOWN]
            return [reader.item(int(place)) for place in chosen], len(places), not_compared

        items, count, not_compared = await self.service.background.run(read)
        asked, last = question.asked, first + len(items)
        note = f"{first + 1:,} to {last:,} of {count:,} items." if items else "No item fits."
        note = " ".join(filter(None, (note, say_not_compared(not_compared))))
        before = str(max(1, question.start - ITEMS_SHOWN))
        markup = await self.drawing.draw(
            "part_items.html.j2",
            items=[(one, f"{HERE}?{asked.link(item=one.id, start='')}") for one in items],
            note=note,
            back=f"{HERE}?{asked.link(start=before)}" if first > 0 else "",
            on=f"{HERE}?{asked.link(start=str(last + 1))}" if last < count else "",
        )
        return Result(markup)

    async def _condition(self, question: SearchQuestion, served: "ServedIndex") -> str | None:
        facets = await self._facets_of(served)
        said = question.condition(frozenset(f.name for f in facets if f.kind == "boolean"))
        if said is not None:
            self.service.check("filter", said)
        return said

    async def _facets_of(self, served: "ServedIndex") -> list[Facet]:
        """Return what can be chosen from; an open index never changes."""
        if served.name not in self._facets:
            self._facets[served.name] = await self.service.background.run(
                lambda: find_facets(served.index.reader)
            )
        return self._facets[served.name]


def groups_of(served: "ServedIndex", facets: Sequence[Facet]) -> list[tuple[str, str]]:
    """Return what one result may stand for, each with what it is called; first the usual.

    They are the fields whose values several items share.
    """
    usual = served.index.reader.manifest.group_by
    first = [("", usual), (EACH_ITEM, "item")] if usual else [("", "item")]
    shared = [facet.name for facet in facets if facet.kind == "text" and facet.name != usual]
    return [*first, *((name, name) for name in shared)]


def _texts(found: "Found") -> tuple[str, ...]:
    """Return what was looked for, for names of tabs and files."""
    query = found.query
    return (query if isinstance(query, str) else query.title or query.id,)


def _unused(question: SearchQuestion) -> str:
    """Return what to say where both a text and an item were given."""
    if not (question.text.strip() and question.item):
        return ""
    if question.item_asked:
        return " The text is not used: empty the item to search by it."
    return " The item is not used: empty the text to search by it."


def _write(found: "Found", form: str) -> str:
    """Return what was found as JSON or as a page of its own."""
    if form == "html":
        return render_similar(found.page)
    return json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False, indent=2)
