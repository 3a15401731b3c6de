"""Pages by templates, and the files that they load."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from whyalike.render.html import STYLES
from whyalike.render.html import TEMPLATES as RENDERER
from whyalike.texts import for_a_page

if TYPE_CHECKING:
    from starlette.requests import Request


STATIC = Path(__file__).parent / "static"
MEDIA = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


# What draws an explanation in a file draws it here too.
SHARED: Mapping[str, Sequence[Path]] = {
    "explanation.css": [RENDERER / name for name in STYLES],
    "explanation.js": [RENDERER / "explanation.js"],
    "web.css": [RENDERER / "page.css", STATIC / "web.css"],
    "icon.svg": [STATIC / "icon.svg"],
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file to be served; ``url`` changes with what is in it."""

    url: str
    media: str
    content: bytes


class Assets:
    """The files of an app by name, each one or several sources joined."""

    def __init__(self, files: Mapping[str, Sequence[Path]]) -> None:
        self.by_name = {name: _read(name, sources) for name, sources in files.items()}

    def url(self, name: str) -> str:
        """Return where the page finds a file. Raises KeyError where there is none."""
        return self.by_name[name].url

    async def answer(self, request: "Request") -> Response:
        """Return the file that is asked for, or raise 404."""
        asset = self.by_name.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        return Response(asset.content, media_type=asset.media, headers={"cache-control": FOREVER})


def _read(name: str, sources: Sequence[Path]) -> Asset:
    content = b"\n".join(source.read_bytes() for source in sources)
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Asset(f"/assets/{name}?v={digest}", MEDIA[Path(name).suffix], content)


FRAME = Path(__file__).parent / "templates"


class Pages:
    """Draws pages, escaping whatever they print. ``name`` is what the app calls itself."""

    def __init__(self, name: str, assets: Assets, templates: Sequence[Path] = ()) -> None:
        self.environment = Environment(
            loader=FileSystemLoader([*templates, FRAME, RENDERER]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.globals.update(asset=assets.url, app_name=name)

    def draw(self, template: str, **content: object) -> str:
        """Return the markup of a template."""
        return for_a_page(self.environment.get_template(template).render(**content))

    def answer(self, template: str, *, status: int = 200, **content: object) -> HTMLResponse:
        """Return a page as the answer to a request."""
        return HTMLResponse(self.draw(template, **content), status_code=status)
