"""An explanation made visible: terminal, HTML, figures. Imports a renderer on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whyalike.render.comparison import (
        render_comparison,
        render_comparison_fragment,
        render_comparison_text,
        terminal_comparison_view,
    )
    from whyalike.render.figure import draw_figure
    from whyalike.render.figure_comparison import draw_comparison
    from whyalike.render.html import render_fragment, render_html
    from whyalike.render.leaderboard import render_leaderboard, render_leaderboard_fragment
    from whyalike.render.markdown import render_markdown
    from whyalike.render.methods import render_methods, terminal_methods_view
    from whyalike.render.similar import (
        render_similar,
        render_similar_fragment,
        render_similar_text,
        terminal_similar_view,
    )
    from whyalike.render.terminal import render_text, terminal_view

__all__ = [
    "draw_comparison",
    "draw_figure",
    "render_comparison",
    "render_comparison_fragment",
    "render_comparison_text",
    "render_fragment",
    "render_html",
    "render_leaderboard",
    "render_leaderboard_fragment",
    "render_markdown",
    "render_methods",
    "render_similar",
    "render_similar_fragment",
    "render_similar_text",
    "render_text",
    "terminal_comparison_view",
    "terminal_methods_view",
    "terminal_similar_view",
    "terminal_view",
]

MODULES = {
    "draw_comparison": "whyalike.render.figure_comparison",
    "draw_figure": "whyalike.render.figure",
    "render_comparison": "whyalike.render.comparison",
    "render_comparison_fragment": "whyalike.render.comparison",
    "render_comparison_text": "whyalike.render.comparison",
    "render_fragment": "whyalike.render.html",
    "render_html": "whyalike.render.html",
    "render_leaderboard": "whyalike.render.leaderboard",
    "render_leaderboard_fragment": "whyalike.render.leaderboard",
    "render_markdown": "whyalike.render.markdown",
    "render_methods": "whyalike.render.methods",
    "render_similar": "whyalike.render.similar",
    "render_similar_fragment": "whyalike.render.similar",
    "render_similar_text": "whyalike.render.similar",
    "render_text": "whyalike.render.terminal",
    "terminal_comparison_view": "whyalike.render.comparison",
    "terminal_methods_view": "whyalike.render.methods",
    "terminal_similar_view": "whyalike.render.similar",
    "terminal_view": "whyalike.render.terminal",
}


def __getattr__(name: str) -> Any:
    """Import the renderer that was asked for, so that nobody pays for the others."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(MODULES[name]), name)
