"""A comparison as HTML: why one text is scored above another."""

from whyalike.explanation import Comparison, Explanation
from whyalike.render.comparison_view import view_comparison
from whyalike.render.html import PAGE_STYLES, own_id, render_page, render_part

STYLE = "comparison.css"


def render_comparison(
    comparison: Comparison, *, title: str = "whyalike: why this text above that one"
) -> str:
    """Return one HTML page: the query and both texts, and the words that make the difference."""
    view = view_comparison(comparison, id="c1")
    return render_page("comparison.html.j2", (*PAGE_STYLES, STYLE), title=title, view=view)


def render_comparison_fragment(comparison: Comparison) -> str:
    """Return the same to be put into another page, such as a notebook."""
    said = tuple(map(Explanation.__repr__, (comparison.better, comparison.worse)))
    view = view_comparison(comparison, id=own_id("c", said))
    return render_part("comparison.html.j2", [STYLE], view=view)
