"""An explanation made visible: terminal, HTML, figures. Imports a renderer on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whyalike.render.figure import draw_figure
    from whyalike.render.html import render_fragment, render_html
    from whyalike.render.terminal import render_text

__all__ = ["draw_figure", "render_fragment", "render_html", "render_text"]

MODULES = {
    "draw_figure": "whyalike.render.figure",
    "render_fragment": "whyalike.render.html",
    "render_html": "whyalike.render.html",
    "render_text": "whyalike.render.terminal",
}


def __getattr__(name: str) -> Any:
    """Import the renderer that was asked for, so that nobody pays for the others."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(MODULES[name]), name)
