"""Similar items with their reasons made visible: as HTML, and for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from whyalike.explanation import Explanation
from whyalike.render.html import PAGE_STYLES, own_id, render_part, render_stored_page
from whyalike.render.methods import draw_rows, list_pairs
from whyalike.render.parts import format_number, plain_text, unmatched_words
from whyalike.render.scales import ScaleName, common_scale
from whyalike.render.terminal import draw_sentence, visible
from whyalike.render.view import ExplanationView, SideView, view_explanation, view_side
from whyalike.render.view_verdicts import view_similar_verdict

STYLE = "similar.css"
PAIRS_NAMED = 6

ROUNDING = 1e-5
"""By so much a cosine of stored vectors may be greater than 1."""


@dataclass(frozen=True, slots=True)
class SimilarHit:
    """One candidate: the item, its similarity, and why.

    ``facts`` is what else is known of it. ``parts`` are the similarities that the score is the mean
    of, if it is one. ``explanations`` are named by the part they explain, one alone by ``""``; the
    query is the left text of each. ``reranked`` is a reranker's score and the rank before it; the
    ``rank`` is the reranker's then, and ``way`` says how it came about, as runs of a sentence with
    True on words of the texts.
    """

    rank: int
    id: str
    title: str
    text: str
    similarity: float
    facts: tuple[tuple[str, str], ...] = ()
    parts: tuple[tuple[str, float], ...] = ()
    explanations: tuple[tuple[str, Explanation], ...] = ()
    reranked: tuple[float, int] | None = None
    way: tuple[tuple[str, bool], ...] = ()

    @property
    def move(self) -> str:
        """How far the reranker moved it, with an arrow; nothing where it did not."""
        lifted = 0 if self.reranked is None else self.reranked[1] - self.rank
        return f"{'↑' if lifted > 0 else '↓'}{abs(lifted):,}" if lifted else ""


@dataclass(frozen=True, slots=True)
class SimilarPage:
    """A query and its candidates, best first. ``query_id`` is empty for a text from outside.

    ``full`` is the similarity that a whole bar stands for; None where there is no such number.
    """

    query_id: str
    query_title: str
    query_text: str
    facts: tuple[tuple[str, str], ...]
    hits: tuple[SimilarHit, ...]
    notes: tuple[str, ...] = ()
    full: float | None = 1.0


@dataclass(frozen=True, slots=True)
class WhyView:
    """One explanation of a candidate, ready to print: its text, its best pairs, and the whole."""

    name: str
    side: SideView
    best: tuple[tuple[str, str, str], ...]
    more: int
    view: ExplanationView


@dataclass(frozen=True, slots=True)
class HitView:
    """A candidate ready to print. ``bar`` is its similarity in percent; None where it is none."""

    id: str
    hit: SimilarHit
    bar: float | None
    whys: tuple[WhyView, ...]


def render_similar(page: SimilarPage, *, title: str = "whyalike: similar items") -> str:
    """Return one HTML page that loads nothing; each candidate's whole explanation can be opened.

    What can be opened is a text in the page until then, so that many candidates are quick to show.
    """
    styles = (*PAGE_STYLES, STYLE)
    return render_stored_page("similar.html.j2", styles, title=title, **view_similar(page))


def render_similar_fragment(page: SimilarPage) -> str:
    """Return the same to be put into another page, such as a notebook."""
    return render_part("similar.html.j2", [STYLE], **view_similar(page, id=f"{own_id('s', page)}-"))


def view_similar(page: SimilarPage, *, id: str = "") -> dict[str, object]:
    """Return what ``similar.html.j2`` takes besides a title; ids begin with ``id``, if any."""
    scale = common_scale(one for hit in page.hits for _, one in hit.explanations)
    hits = [
        _view_hit(hit, id=f"{id}hit-{n}", full=page.full, scale=scale)
        for n, hit in enumerate(page.hits, start=1)
    ]
    views = [why.view for hit in hits for why in hit.whys]
    return {
        "id": id,
        "page": page,
        "verdict": view_similar_verdict(page),
        "hits": hits,
        "has_explanations": bool(views),
        "has_pairs": any(view.pairs for view in views),
        "has_negative": any(view.has_negative for view in views),
        "has_unmatched": any(view.has_unmatched for view in views),
        "has_contributions": any(view.has_contributions for view in views),
        "scale": views[0].scale if views else None,
    }


def _view_hit(hit: SimilarHit, *, id: str, full: float | None, scale: ScaleName) -> HitView:
    whys = tuple(
        _view_why(name, explanation, id=f"{id}-{n}", scale=scale)
        for n, (name, explanation) in enumerate(hit.explanations, start=1)
    )
    part = hit.similarity / full if full else -1.0
    bar = round(100 * part, 1) if 0.0 <= part <= 1.0 + ROUNDING else None
    return HitView(id=id, hit=hit, bar=None if bar is None else min(bar, 100.0), whys=whys)


def _view_why(name: str, explanation: Explanation, *, id: str, scale: ScaleName) -> WhyView:
    view = view_explanation(explanation, id=id, scale=scale)
    best = tuple(
        (row.left_word, row.right_word, format_number(row.pair.score, view.score_decimals))
        for row in view.pairs[:PAIRS_NAMED]
    )
    side = view_side(
        explanation.right,
        "right",
        title="Text of the candidate",
        pairs=explanation.pairs,
        other=explanation.left,
        scale=view.scale,
        unmatched=unmatched_words(explanation, "right"),
    )
    return WhyView(name, side, best, len(view.pairs) - len(best), view)


def name_facts(facts: Sequence[tuple[str, str]]) -> str:
    """Return facts on one line."""
    return " · ".join(f"{name} {value}" for name, value in facts)


TEXT_SHOWN = 240
FACTS_SHOWN = 8


def render_similar_text(page: SimilarPage, *, width: int = 80) -> str:
    """Return similar items as plain text without any colour, ``width`` columns wide."""
    return plain_text(terminal_similar_view(page), width=width)


def terminal_similar_view(page: SimilarPage, *, colour: bool = False) -> RenderableType:
    """Return what a Rich console prints of similar items; ``colour`` says whether it shows some."""
    parts: list[RenderableType] = [draw_sentence(view_similar_verdict(page), colour), Text()]
    parts += [_head("similar to", page.query_title, page.query_id)]
    if page.query_text:
        parts.append(Padding(Text(_on_one_line(page.query_text)), (0, 0, 0, 2), expand=False))
    if page.facts:
        parts.append(Text(visible(name_facts(page.facts)), style="dim"))
    for hit in page.hits:
        parts += [Text(), *_draw_hit(hit)]
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
    score = hit.similarity if hit.reranked is None else hit.reranked[0]
    move = f" {hit.move}" if hit.move else ""
    lines: list[RenderableType] = [
        _head(f"{hit.rank:>2}{move}  {format_number(score, 4)} ", hit.title, hit.id)
    ]
    said = [(name, value) for name, value in hit.facts if value][:FACTS_SHOWN]
    under = [Text(visible(name_facts(said)), style="dim")] if said else []
    text = _on_one_line(hit.text)
    if text:
        under.append(Text(text if len(text) <= TEXT_SHOWN else text[: TEXT_SHOWN - 1] + "…"))
    lines.extend(Padding(one, (0, 0, 0, 4), expand=False) for one in under)
    rows = []
    if hit.reranked is not None:
        before, similarity = hit.reranked[1], format_number(hit.similarity, 4)
        rows.append(("before", f"rank {before:,}, similarity {similarity}"))
        rows.append(("why", "".join(f"“{run}”" if word else run for run, word in hit.way)))
    rows += [("parts", ", ".join(f"{n} {format_number(v, 3)}" for n, v in hit.parts))]
    rows += [(name or "pairs", list_pairs(one)) for name, one in hit.explanations]
    warnings = [w for _, one in hit.explanations for w in one.warnings]
    rows += [("!", warning) for warning in dict.fromkeys(warnings)]
    if rows := [row for row in rows if row[1]]:
        lines.append(Padding(draw_rows(rows), (0, 0, 0, 2), expand=False))
    return lines


def _on_one_line(text: str) -> str:
    return visible(" ".join(text.split()))
