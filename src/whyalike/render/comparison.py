"""A comparison as HTML: why one text is scored above another."""

from whyalike.render.comparison_view import view_comparison
from whyalike.render.html import PAGE_STYLES, render_page
from whyalike.types import ComparisonData


def render_comparison(
    comparison: ComparisonData, *, title: str = "whyalike: why this text above that one"
) -> str:
    """Return one HTML page: the query and both texts, and the words that make the difference."""
    view = view_comparison(comparison, id="c1")
    styles = (*PAGE_STYLES, "comparison.css")
    return render_page("comparison.html.j2", styles, title=title, view=view)
