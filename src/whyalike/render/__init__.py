"""An explanation made visible: HTML and figures. Takes plain data; imports a renderer on use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whyalike.render.figure import draw_figure
    from whyalike.render.html import render_fragment, render_html

__all__ = ["draw_figure", "render_fragment", "render_html"]

MODULES = {
    "draw_figure": "whyalike.render.figure",
    "render_fragment": "whyalike.render.html",
    "render_html": "whyalike.render.html",
}


def __getattr__(name: str) -> Any:
    """Import the renderer that was asked for, so that nobody pays for the others."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(MODULES[name]), name)
