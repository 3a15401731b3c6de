"""An index as a map: its items as points, coloured by a field; two of them are explained."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import FastAPI, Request
from numpy.typing import NDArray
from starlette.responses import JSONResponse, Response

from whyalike.catalogue.map import CatalogueMap, read_map
from whyalike.catalogue.reader import Facet, IndexReader, find_facets
from whyalike.errors import OptionError, WhyalikeError
from whyalike.render.html import excerpt
from whyalike.web.explorer.asking import Asked
from whyalike.web.explorer.drawing import Drawing

if TYPE_CHECKING:
    from whyalike.web.api.served import ServedIndex

HERE = "/catalogue"
MAP = "/catalogue/map"
ROWS_SHOWN = 25

COLOURS = 7
"""Values that get a colour of their own: more can't be told apart. All others are one more."""

STEPS = 6
"""Steps of a scale of numbers, with as many items each."""

OTHER, NONE = "other values", "no value"
FINEST = 32_767
"""What 1 is on the way to the browser."""


@dataclass(frozen=True, slots=True)
class Colouring:
    """What colours stand for: names with the number of their items; the colour of each item (N,).

    ``kind``: ``names`` for values, ``steps`` for a scale of numbers. The last name is that of items
    without such a value, where there are some.
    """

    kind: str
    legend: tuple[tuple[str, int], ...]
    codes: NDArray[np.uint8]


def colour_by(reader: IndexReader, facet: Facet) -> Colouring:
    """Return what the colours of all items (N,) stand for.

    Of a field of texts, its commonest values have one each; of numbers, steps with as many items.
    An item with several values is coloured by the commonest.
    """
    if facet.kind == "number":
        return _steps(reader, facet.name)
    names = [value for value, _ in facet.values[:COLOURS]]
    places = {value: code for code, value in enumerate(names)}
    codes = np.full(len(reader.present), COLOURS + 1, dtype=np.uint8)
    for position, value in _facts(reader, facet.name, facet.kind):
        said = ("yes" if value else "no") if facet.kind == "boolean" else str(value)
        code = places.get(said, COLOURS)
        codes[position] = min(codes[position], code)
    return _colouring("names", codes, [*names, *[""] * (COLOURS - len(names)), OTHER, NONE], reader)


def _steps(reader: IndexReader, name: str) -> Colouring:
    values = np.full(len(reader.present), np.nan)
    for position, value in _facts(reader, name, "number"):
        if np.isnan(values[position]):
            values[position] = float(value)
    known = np.isfinite(values)
    ends = np.unique(np.quantile(values[known], np.linspace(0, 1, STEPS + 1)))
    inner = ends[1:-1]
    codes = np.where(known, np.searchsorted(inner, values, side="right"), len(inner) + 1)
    names = [f"{low:g} to {high:g}" for low, high in pairwise(ends)]
    return _colouring("steps", codes.astype(np.uint8), [*names, NONE], reader)


def _colouring(
    kind: str, codes: NDArray[np.uint8], names: list[str], reader: IndexReader
) -> Colouring:
    """Return it without names that no item has."""
    counts = np.bincount(codes[reader.present], minlength=len(names))
    used = [code for code in range(len(names)) if counts[code]]
    shorter = np.zeros(len(names), dtype=np.uint8)
    shorter[used] = np.arange(len(used))
    legend = tuple((names[code], int(counts[code])) for code in used)
    return Colouring(kind, legend, shorter[codes])


def _facts(reader: IndexReader, name: str, kind: str) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    start = 0
    for store, count in zip(reader.stores, reader.counts, strict=True):
        if name in store.fields:
            rows = store.query(
                "SELECT position, value FROM facts WHERE field = ? AND kind = ?",
                (store.fields[name], kind),
            )
            found += [(start + int(position), value) for position, value in rows]
        start += count
    return found


def pack(numbers: "NDArray[Any]") -> str:
    """Return numbers as their bytes in base 64, the low byte first."""
    return b64encode(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()).decode()


def titles_of(reader: IndexReader) -> list[list[str]]:
    """Return the id and the title of each item that is there, in order."""
    found: list[list[str]] = []
    start = 0
    for store, count in zip(reader.stores, reader.counts, strict=True):
        rows = store.query("SELECT id, title, description FROM items ORDER BY position")
        for id, title, text in compress(rows, reader.present[start : start + count]):
            found.append([str(id), str(title) or excerpt(str(text))])
        start += count
    return found


class MapPage:
    """The map of an index, and what its script draws."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing, self.service = drawing, drawing.service
        self._maps: dict[str, CatalogueMap | None] = {}
        self._facets: dict[str, list[Facet]] = {}

    def register(self, app: FastAPI) -> None:
        """Add the routes to ``app``; before those of files, which take any name."""
        for ending, handler in (
            ("", self.show),
            ("/points", self.points),
            ("/titles", self.titles),
        ):
            path = MAP + ending
            app.add_api_route(
                path, handler, methods=["GET"], response_model=None, include_in_schema=False
            )

    async def show(self, request: Request) -> Response:
        """Show the map with its table."""
        asked = await self.drawing.read(request)
        content: dict[str, Any] = {
            "asked": asked,
            "indexes": [(name, name) for name in self.service.indexes],
            "served": None,
            "made": None,
            "failure": "",
        }
        try:
            if self.service.indexes:
                served = self.service.index(asked.one("index") or None)
                content |= {"served": served, **await self._content(asked, served)}
        except WhyalikeError as error:
            failed = await self.drawing.failed(error)
            content["failure"] = failed.markup
            page = await self.drawing.page("map.html.j2", HERE, **content)
            page.status_code = failed.status
            return page
        return await self.drawing.page("map.html.j2", HERE, **content)

    async def points(self, request: Request) -> Response:
        """Give where the items are and their colours, as JSON."""
        asked = await self.drawing.read(request)

        async def make() -> Response:
            served, made = await self._map(asked)
            reader = served.index.reader
            facet = await self._facet(asked, served)

            def read() -> dict[str, Any]:
                there = reader.present
                places = np.round(made.places[there] * FINEST).astype(np.int16)
                told = {"x": pack(places[:, 0]), "y": pack(places[:, 1]), "count": len(places)}
                if facet is None:
                    return {**told, "legend": [], "kind": "names", "codes": ""}
                colours = colour_by(reader, facet)
                codes = pack(colours.codes[there])
                return {**told, "legend": colours.legend, "kind": colours.kind, "codes": codes}

            return JSONResponse(await self.service.background.run(read))

        return await self.drawing.file(request, make)

    async def titles(self, request: Request) -> Response:
        """Give ids and titles of the points, in their order, as JSON."""
        asked = await self.drawing.read(request)

        async def make() -> Response:
            served, _ = await self._map(asked)
            found = await self.service.background.run(lambda: titles_of(served.index.reader))
            return JSONResponse(found)

        return await self.drawing.file(request, make)

    async def _content(self, asked: Asked, served: "ServedIndex") -> Mapping[str, Any]:
        made = await self._read(served)
        facets = await self._facets_of(served)
        facet = await self._facet(asked, served)
        reader = served.index.reader
        count = len(served.index)
        first = min(asked.whole("start", 1), max(1, count)) - 1

        def read() -> list[tuple[str, str, str]]:
            places = np.flatnonzero(reader.present)[first : first + ROWS_SHOWN].tolist()
            items = [reader.item(place) for place in places]
            name = facet.name if facet is not None else ""
            return [
                (
                    one.id,
                    one.title or excerpt(one.text),
                    _say(one.metadata.get(name)) if name else "",
                )
                for one in items
            ]

        def link(start: int) -> str:
            return f"{MAP}?{asked.link(start=str(start))}"

        last = first + ROWS_SHOWN
        return {
            "made": made,
            "facets": [("", "nothing"), *((one.name, one.name) for one in facets)],
            "colour": "" if facet is None else facet.name,
            "items": await self.service.background.run(read),
            "count": count,
            "first": first + 1,
            "before": link(max(1, first + 1 - ROWS_SHOWN)) if first else "",
            "after": link(last + 1) if last < count else "",
        }

    async def _map(self, asked: Asked) -> "tuple[ServedIndex, CatalogueMap]":
        served = self.service.index(asked.one("index") or None)
        made = await self._read(served)
        if made is None:
            raise OptionError(
                f"The index {served.name!r} has no map: make one with `whyalike index map`."
            )
        return served, made

    async def _read(self, served: "ServedIndex") -> CatalogueMap | None:
        """Return the map; an open index never changes."""
        if served.name not in self._maps:
            self._maps[served.name] = await self.service.background.run(
                lambda: read_map(served.index.reader)
            )
        return self._maps[served.name]

    async def _facets_of(self, served: "ServedIndex") -> list[Facet]:
        if served.name not in self._facets:
            self._facets[served.name] = await self.service.background.run(
                lambda: find_facets(served.index.reader)
            )
        return self._facets[served.name]

    async def _facet(self, asked: Asked, served: "ServedIndex") -> Facet | None:
        """Return the field that colours; by default the first of names. Raises OptionError."""
        facets = await self._facets_of(served)
        if "colour" not in asked.fields:
            named = [one for one in facets if one.kind != "number"]
            return next(iter([*named, *facets]), None) if asked.one("plain") != "yes" else None
        name = asked.one("colour")
        found = next((one for one in facets if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in facets)
            raise OptionError(f"There is no field {name[:60]!r} to colour by; there are: {known}.")
        return found


def _say(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(map(_say, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
