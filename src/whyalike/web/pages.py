"""The templates of an app's pages: its own, the shared frame, and the renderer's parts."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from whyalike.render.html import TEMPLATES as RENDERER
from whyalike.texts import without_surrogates
from whyalike.web.assets import Assets

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
        return without_surrogates(self.environment.get_template(template).render(**content))

    def answer(self, template: str, *, status: int = 200, **content: object) -> HTMLResponse:
        """Return a page as the answer to a request."""
        return HTMLResponse(self.draw(template, **content), status_code=status)
