"""The Explorer, put together."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from whyalike.render.html import TEMPLATES as RENDERER
from whyalike.web.explorer.catalogue import CataloguePage
from whyalike.web.explorer.compare import ComparePage
from whyalike.web.explorer.diagnose import DiagnosePage
from whyalike.web.explorer.drawing import Drawing
from whyalike.web.explorer.evaluate import EvaluatePage
from whyalike.web.explorer.map import MapPage
from whyalike.web.explorer.pair import PairPage
from whyalike.web.explorer.pairs import PairsPage
from whyalike.web.explorer.rank import RankPage
from whyalike.web.explorer.short_links import LinkPages, ShortLinks
from whyalike.web.explorer.why import WhyPage

if TYPE_CHECKING:
    from fastapi import FastAPI

    from whyalike.web.api.service import Service
    from whyalike.web.pages import Pages


HERE = Path(__file__).parent
STATIC = HERE / "static"

TEMPLATES = HERE / "templates"
"""These come before all others: one of them stands in for the renderer's ``base.html.j2``."""

ASSETS: Mapping[str, Sequence[Path]] = {
    "explorer.css": [
        *(
            RENDERER / f"{name}.css"
            for name in (
                "comparison",
                "methods",
                "similar",
                "leaderboard",
                "trace",
                "ranking",
                "diagnosis",
            )
        ),
        *(STATIC / f"{name}.css" for name in ("explorer", "answer", "browse", "edit", "waiting")),
    ],
    # Together, so that one script sets up an answer that comes later.
    "view.js": [RENDERER / f"{name}.js" for name in ("explanation", "tables", "grid")],
    "live.js": [STATIC / "live.js"],
    "edit.js": [STATIC / "edit.js"],
    "waiting.js": [STATIC / "waiting.js"],
    "texts.js": [STATIC / "texts.js"],
    "long.js": [STATIC / "long.js"],
    "menus.js": [STATIC / "menus.js"],
    "what.js": [STATIC / "what.js"],
    "copy.js": [STATIC / "copy.js"],
    "open.js": [STATIC / "open.js"],
    "map.js": [STATIC / "map.js"],
    "pairs.js": [STATIC / "pairs.js"],
    "pages.css": [STATIC / "pages.css"],
    "catalogue.js": [STATIC / "catalogue.js"],
}


def add_explorer(
    app: "FastAPI", service: "Service", pages: "Pages", *, short_links: ShortLinks | None = None
) -> None:
    """Add the pages to ``app``.

    Parameters
    ----------
    app : FastAPI
        Made by ``create_app`` with assets among which ASSETS are.
    service : Service
        What explains.
    pages : Pages
        Made with TEMPLATES before all other folders.
    short_links : ShortLinks, optional
        Where long questions are kept, so that they have links, too.
    """
    drawing = Drawing(service, pages, short_links)
    drawing.waiting.register(app)
    if short_links is not None:
        LinkPages(drawing, short_links).register(app)
    for page in (
        PairPage(drawing),
        ComparePage(drawing),
        # Before the catalogue's files, whose addresses take any name.
        WhyPage(drawing),
        MapPage(drawing),
        CataloguePage(drawing),
        RankPage(drawing),
        PairsPage(drawing, service.pairs),
        DiagnosePage(drawing, service.reports),
        EvaluatePage(drawing),
    ):
        page.register(app)
