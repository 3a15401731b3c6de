"""An explanation as HTML: one self-contained page, or a fragment for a notebook."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from whyalike.explanation import Explanation
from whyalike.render.parts import format_number, format_signed
from whyalike.render.view import view_explanation
from whyalike.texts import for_a_page

TEMPLATES = Path(__file__).parent / "templates"
STYLES = (
    "explanation.css",
    "texts.css",
    "tables.css",
    "reasons.css",
    "grid.css",
    "states.css",
    "units.css",
    "links.css",
    "place.css",
    "long.css",
)
PAGE_STYLES = (*STYLES, "page.css")
SCRIPTS = ("explanation.js", "tables.js", "grid.js")
EXCERPT = 60


def render_html(
    explanations: Sequence[Explanation],
    *,
    title: str = "whyalike",
    headings: Sequence[str] | None = None,
    scale: str = "absolute",
) -> str:
    """Return one HTML page with the explanations in order, styles and script inside.

    The page loads nothing, and its own Content-Security-Policy forbids it to. ``headings`` names
    each of several explanations; without it, the beginnings of their texts do. ``scale`` is that of
    ``scale_of``.
    """
    views = [
        view_explanation(one, id=f"e{n}", scale=scale)
        for n, one in enumerate(explanations, start=1)
    ]
    names = (
        [[heading] for heading in headings]
        if headings
        else [[excerpt(one.left.text), excerpt(one.right.text)] for one in explanations]
    )
    entries = list(zip(views, names, strict=True))
    return render_page("page.html.j2", PAGE_STYLES, title=title, entries=entries)


def render_fragment(explanation: Explanation) -> str:
    """Return the explanation as HTML to be put into another page, such as a notebook.

    Styles apply below its root element only. The same explanation always gives the same markup.
    """
    # A subclass may have a short repr of its own, the same for many explanations.
    id = own_id("e", Explanation.__repr__(explanation))
    fragment = environment().get_template("fragment.html.j2")
    return for_a_page(
        fragment.render(
            explanation=view_explanation(explanation, id=id),
            style=assets(*STYLES),
            script=assets(*SCRIPTS),
        )
    )


def render_page(template: str, styles: Sequence[str], **content: object) -> str:
    """Return a page with its styles and scripts inside, and a policy that allows only those."""
    return _render_page(template, styles, SCRIPTS, content)


def render_stored_page(template: str, styles: Sequence[str], **content: object) -> str:
    """Return such a page, in which what can be opened is a text until then (``stored``)."""
    return _render_page(template, styles, (*SCRIPTS, "stored.js"), {**content, "stored": True})


def _render_page(
    template: str, styles: Sequence[str], scripts: Sequence[str], content: Mapping[str, object]
) -> str:
    style, script = assets(*styles), assets(*scripts)
    return for_a_page(
        environment()
        .get_template(template)
        .render(
            **content,
            style=style,
            script=script,
            style_hash=content_hash(style),
            script_hash=content_hash(script),
        )
    )


def render_part(template: str, styles: Sequence[str], **content: object) -> str:
    """Return what ``render_page`` has in its frame, to be put into another page: a notebook, say.

    Styles apply inside it only. Ids should be of ``own_id``: the other page may hold several parts.
    """
    return for_a_page(
        environment(part=True)
        .get_template(template)
        .render(**content, style=assets(*STYLES, *styles), script=assets(*SCRIPTS))
    )


def own_id(kind: str, said: object) -> str:
    """Return an id that is the same for what is shown the same, and no other's."""
    whole = str(said).encode("utf-8", "surrogatepass")
    return f"{kind}-{hashlib.sha256(whole).hexdigest()[:12]}"


@cache
def environment(*, part: bool = False) -> Environment:
    """Return the templates, escaping whatever they print; ``part`` gives pages no frame."""
    env = Environment(
        loader=FileSystemLoader([TEMPLATES / "part", TEMPLATES] if part else TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["number"] = format_number
    env.filters["signed"] = format_signed
    return env


@cache
def assets(*names: str) -> Markup:
    """Return style sheets or scripts of ours as one, to be printed unescaped."""
    return Markup("\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names))


def content_hash(code: str) -> str:
    """Return the source expression by which a Content-Security-Policy allows inline ``code``."""
    return "sha256-" + b64encode(hashlib.sha256(code.encode()).digest()).decode()


def excerpt(text: str, *, most: int = EXCERPT) -> str:
    """Return the beginning of a text on one line of ``most`` characters, for headings."""
    line = " ".join(text[: 10 * most].split())
    if not line:
        return "(empty text)"
    return line if len(line) <= most else line[: most - 1].rstrip(" .,;:") + "…"
