"""Similar items in a terminal: the query, then each candidate with its best pairs of words."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from whyalike.render.plain_text import plain_text
from whyalike.render.similar import SimilarHit, SimilarPage, name_facts
from whyalike.render.terminal import visible
from whyalike.render.terminal_methods import draw_rows, list_pairs
from whyalike.render.wording import format_number

TEXT_SHOWN = 240
FACTS_SHOWN = 8


def render_similar_text(page: SimilarPage, *, width: int = 80) -> str:
    """Return similar items as plain text without any colour, ``width`` columns wide."""
    return plain_text(terminal_similar_view(page), width=width)


def terminal_similar_view(page: SimilarPage) -> RenderableType:
    """Return what a Rich console prints of similar items."""
    parts: list[RenderableType] = [_head("similar to", page.query_title, page.query_id)]
    if page.query_text:
        parts.append(Padding(Text(_on_one_line(page.query_text)), (0, 0, 0, 2), expand=False))
    if page.facts:
        parts.append(Text(visible(name_facts(page.facts)), style="dim"))
    for hit in page.hits:
        parts += [Text(), *_draw_hit(hit)]
    if not page.hits:
        parts += [Text(), Text("No item to show.")]
    parts.append(Text())
    if any(hit.explanations for hit in page.hits):
        parts.append(Text("pairs: word of the query – word of the candidate, score", style="dim"))
    parts.extend(Text(f"! {visible(note)}") for note in page.notes)
    return Group(*parts)


def _head(before: str, title: str, id: str) -> Text:
    head = Text(before)
    if title:
        head.append(f" {_on_one_line(title)}", style="bold")
    if id:
        head.append(f"  {visible(id)}", style="dim")
    return head


def _draw_hit(hit: SimilarHit) -> list[RenderableType]:
    lines: list[RenderableType] = [
        _head(f"{hit.rank:>2}  {format_number(hit.similarity, 4)} ", hit.title, hit.id)
    ]
    said = [(name, value) for name, value in hit.facts if value][:FACTS_SHOWN]
    under = [Text(visible(name_facts(said)), style="dim")] if said else []
    text = _on_one_line(hit.text)
    if text:
        under.append(Text(text if len(text) <= TEXT_SHOWN else text[: TEXT_SHOWN - 1] + "…"))
    lines.extend(Padding(one, (0, 0, 0, 4), expand=False) for one in under)
    rows = [("parts", ", ".join(f"{n} {format_number(v, 3)}" for n, v in hit.parts))]
    rows += [(name or "pairs", list_pairs(one)) for name, one in hit.explanations]
    warnings = [w for _, one in hit.explanations for w in one.warnings]
    rows += [("!", warning) for warning in dict.fromkeys(warnings)]
    if rows := [row for row in rows if row[1]]:
        lines.append(Padding(draw_rows(rows), (0, 0, 0, 2), expand=False))
    return lines


def _on_one_line(text: str) -> str:
    return visible(" ".join(text.split()))
