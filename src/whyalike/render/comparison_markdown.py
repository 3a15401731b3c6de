"""A comparison as Markdown, to be pasted into an issue or a chat."""

from whyalike.comparison import Comparison
from whyalike.render.comparison import ComparisonView, RowsView, view_comparison
from whyalike.render.markdown import escape, write_sentence
from whyalike.render.parts import shorten


def render_comparison_markdown(comparison: Comparison) -> str:
    """Return the comparison as GitHub-flavoured Markdown, ending in a newline.

    Texts can't command it, as in ``render_markdown``.
    """
    view = view_comparison(comparison, id="markdown")
    facts = " · ".join(f"{name.lower()} {escape(value)}" for name, value in view.facts)
    scores = f"{view.kind} {view.better_similarity} against {view.worse_similarity}"
    note = f" ({view.note})" if view.note else ""
    parts = [
        write_sentence(view.verdict),
        f"**margin {escape(view.said)}** · {escape(scores + note)}  \n{facts}",
        _table("Word of the query", view.query_rows, view),
        _table("Word of the texts", view.text_rows, view),
        escape(view.source),
    ]
    titles = ("Query", *(standing.title.capitalize() for standing in view.standings))
    quotes = (
        f"> {title}: {escape(text.text[: text.read_until]) or '*(empty)*'}"
        for title, text in zip(titles, view.texts, strict=True)
    )
    parts.append("\n>\n".join(quotes))
    if view.warnings:
        parts.append("\n".join(f"- Warning: {escape(said)}" for said in view.warnings))
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(name: str, shown: RowsView, view: ComparisonView) -> str:
    """Return a table of rows; nothing where there is none."""
    if not shown.rows:
        return ""
    names = (name, *(standing.name for standing in view.standings), "adds")
    lines = [f"| {' | '.join(names)} |", "| :-- | :-- | :-- | --: |"]
    for row in shown.rows:
        cells = (
            f"{shorten(row.word)} {row.count}",
            *(
                f"{adds or '–'} {shorten(partner)}"
                for adds, partner in zip((row.better, row.worse), row.partners, strict=True)
            ),
            row.said,
        )
        lines.append(f"| {' | '.join(escape(cell) for cell in cells)} |")
    return "\n".join([*lines, "", shown.more] if shown.more else lines)
