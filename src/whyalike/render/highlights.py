"""Highlights made visible: the passage with its answer, as HTML and for a terminal."""

import re
from dataclasses import dataclass

from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.text import Text

from whyalike.highlights import Highlights, ScoredSentence
from whyalike.render.html import PAGE_STYLES, own_id, render_page, render_part
from whyalike.render.parts import format_number, plain_text
from whyalike.render.terminal import visible

STYLES = ("highlights.css",)

NAMED = 3
"""Sentences that are numbered as the best."""

# Okabe and Ito's palette, as for pairs; black on each.
_SAME_WORD, _SAME_MEANING = "#000000 on #e69f00", "#000000 on #9cc9ee"
_BREAK = re.compile("\r\n|[\n\r\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of the passage: a sentence, or what stands between two.

    rank: of the sentence, from 1; 0 between. kept: whether it is in the budget.
    """

    markup: Markup
    rank: int
    score: str
    kept: bool
    named: bool


def render_highlights(found: Highlights) -> str:
    """Return one self-contained HTML page."""
    return render_page("highlights.html.j2", (*PAGE_STYLES, *STYLES), **_content(found, id=""))


def render_highlights_fragment(found: Highlights) -> str:
    """Return the same to be put into another page, such as a notebook."""
    id = f"{own_id('h', found.to_json())}-"
    return render_part("highlights.html.j2", STYLES, **_content(found, id=id))


def _content(found: Highlights, *, id: str) -> dict[str, object]:
    return {
        "title": "whyalike highlight",
        "id": id,
        "query": found.query,
        "facts": _facts(found),
        "pieces": _pieces(found),
        "warnings": _warnings(found),
        "has_left_out": not all(sentence.kept for sentence in found.sentences),
        "has_meaning": any(span.kind == "same meaning" for span in found.spans),
        "has_word": any(span.kind == "same word" for span in found.spans),
    }


def _warnings(found: Highlights) -> tuple[str, ...]:
    unread = (
        ()
        if found.unread is None
        else (f"The model read the passage up to character {found.unread:,} only.",)
    )
    return (*found.warnings, *unread)


def _facts(found: Highlights) -> list[tuple[str, str]]:
    count = len(found.sentences)
    facts = [
        ("model", found.model),
        ("sentences", f"{count:,}, read {_read_how(found)}"),
    ]
    if found.similarity is not None:
        facts.insert(0, ("score of the passage", format_number(found.similarity, 3)))
    if found.budget is not None:
        words = sum(sentence.words for sentence in found.kept)
        which = "1 sentence" if len(found.kept) == 1 else f"{len(found.kept):,} sentences"
        kept = f"{which}, {words:,} of at most {found.budget:,} words"
        facts.append(("kept", kept))
    return facts


def _read_how(found: Highlights) -> str:
    if found.reading == "one pass":
        return "in one pass"
    if found.reading == "windows":
        return "in overlapping windows"
    return "each alone"


def _pieces(found: Highlights) -> list[_Piece]:
    pieces, last = [], 0
    ranks = {sentence.start: n for n, sentence in enumerate(found.ranked, start=1)}
    for sentence in found.sentences:
        if between := found.passage[last : sentence.start]:
            pieces.append(_Piece(Markup.escape(between), 0, "", True, False))
        rank = ranks[sentence.start]
        pieces.append(
            _Piece(
                Markup(found.marked_sentence(sentence)),
                rank,
                format_number(sentence.score, 3),
                sentence.kept,
                rank <= NAMED and sentence.kept,
            )
        )
        last = sentence.end
    if rest := found.passage[last:]:
        pieces.append(_Piece(Markup.escape(rest), 0, "", True, False))
    return pieces


def render_highlights_text(found: Highlights, *, width: int = 80) -> str:
    """Return the highlights as plain text without any colour."""
    return plain_text(terminal_highlights_view(found, colour=False), width=width)


def terminal_highlights_view(found: Highlights, *, colour: bool) -> RenderableType:
    """Return what a Rich console prints: the best sentences, then the passage with its marks.

    Without colour, ``*word*`` is the same word and ``~word~`` the same meaning.
    """
    parts: list[RenderableType] = []
    best = found.best
    if best is None:
        return Group(Text("The passage has no sentence."))
    parts.append(Text("best sentence", style="bold underline"))
    parts += [_draw(found, best, colour), Text()]
    facts = " · ".join(f"{name} {visible(value)}" for name, value in _facts(found))
    parts += [Text(facts, style="dim"), Text()]
    if len(found.sentences) > 1:
        what = "kept" if found.budget is not None else "passage"
        parts.append(Text(what, style="bold underline"))
        parts += _draw_all(found, colour)
        parts.append(Text())
    parts.append(Text(_legend(found, colour), style="dim"))
    parts += [Text(f"! {visible(warning)}") for warning in _warnings(found)]
    return Group(*parts)


def _draw_all(found: Highlights, colour: bool) -> list[Text]:
    """Return the kept sentences, each with its rank and score; runs of others are counted."""
    ranks = {sentence.start: n for n, sentence in enumerate(found.ranked, start=1)}
    lines: list[Text] = []
    out = 0
    for sentence in (*found.sentences, None):
        if sentence is not None and not sentence.kept:
            out += 1
            continue
        if out:
            lines.append(Text(f"       … {out:,} sentence{'s' * (out != 1)} left out", style="dim"))
            out = 0
        if sentence is not None:
            rank = ranks[sentence.start]
            named = rank <= NAMED
            head = f"{rank:>3}. " if named else "     "
            score = format_number(sentence.score, 3)
            line = Text(f"{head}{score:>6}  ", style="bold" if named else "dim")
            lines.append(line.append_text(_draw(found, sentence, colour)))
    return lines


def _draw(found: Highlights, sentence: ScoredSentence, colour: bool) -> Text:
    """Return a sentence on one line, with its words that match marked."""
    text = Text()
    at = sentence.start
    for span in found.spans_of(sentence):
        text.append(_line(found.passage[at : span.start]), style="not bold not dim")
        word, same = _line(found.passage[span.start : span.end]), span.kind == "same word"
        if colour:
            text.append(word, style=f"not bold not dim {_SAME_WORD if same else _SAME_MEANING}")
        else:
            text.append(f"*{word}*" if same else f"~{word}~")
        at = span.end
    text.append(_line(found.passage[at : sentence.end]), style="not bold not dim")
    return text


def _line(text: str) -> str:
    return visible(_BREAK.sub(" ", text))


def _legend(found: Highlights, colour: bool) -> str:
    kinds = {span.kind for span in found.spans}
    notes = []
    if "same word" in kinds:
        notes.append("orange: a word of the query" if colour else "*word* of the query")
    if "same meaning" in kinds:
        notes.append("blue: like a word of the query" if colour else "~word~ like one of the query")
    if len(found.sentences) > 1:
        notes.append("scores order the sentences of this passage alone")
    return " · ".join(notes)
