"""One pair explained by several methods, side by side on one page."""

from collections.abc import Mapping, Sequence

from whyalike.explanation import Explanation
from whyalike.render.html import PAGE_STYLES, render_page
from whyalike.render.methods_view import view_methods


def render_methods(
    explanations: Sequence[Explanation],
    *,
    notes: Mapping[str, str] | None = None,
    failures: Mapping[str, str] | None = None,
    title: str = "whyalike: methods side by side",
) -> str:
    """Return one HTML page that compares several methods' explanations of one pair.

    For each method its texts, its best pairs and what its attributions miss; then the saliency of
    each word by each method, how far the methods agree, and every explanation whole.

    Args:
        explanations: of the same two texts, one for each method, in the order to be shown.
        notes: by a method's name, a line on it, such as its source and its cost.
        failures: by name, why a method that was asked for is not among them.
        title: of the page.

    Raises:
        OptionError: the explanations are of different texts.
    """
    view = view_methods(explanations, notes=notes or {}, failures=failures or {})
    return render_page("methods.html.j2", (*PAGE_STYLES, "methods.css"), title=title, view=view)
