"""The explanation as Markdown, to be pasted into an issue or a chat."""

import re
from collections.abc import Sequence

from whyalike.explanation import ExplainedText, Explanation
from whyalike.render.parts import (
    Segment,
    cut_into_segments,
    describe_background,
    describe_method,
    describe_prompts,
    describe_score,
    describe_sum,
    shorten,
)
from whyalike.render.score_parts import PartTable, part_table
from whyalike.render.terminal import pair_rows, say_unread, say_words, visible
from whyalike.render.terms import NAMES, TermsView, view_terms
from whyalike.render.units import UnitSide, UnitsView, view_units
from whyalike.render.verdict import Sentence, view_checks, view_verdict
from whyalike.render.view import why_not_more_alike

# What begins a list or a heading does so at the start of a line only, where no text ever stands.
_MARKUP = re.compile(r"[\\`*_{}\[\]<>()#|~!&$^]")
_LINKS = re.compile(r"(?<=[A-Za-z]):(?=//)|(?<=www)\.", re.IGNORECASE)
_REFERENCE = re.compile(r"(@|\\#)(?=\w)")
WORD_JOINER = "\N{WORD JOINER}"


def render_markdown(explanation: Explanation) -> str:
    """Return the explanation as GitHub-flavoured Markdown, ending in a newline.

    Texts can't command it: what would be markup is escaped, addresses are no links, and ``@name``
    and ``#12`` notify and refer to nobody. Paired words are bold, with the numbers of their pairs.
    """
    title = describe_score(explanation.similarity, explanation.similarity_function)
    facts = f"model {escape(explanation.model)} · method {escape(describe_method(explanation))}"
    parts = [write_sentence(view_verdict(explanation)), f"**{escape(title)}**  \n{facts}"]
    if standing := describe_background(explanation):
        parts.append(f"Background: {escape(standing)}")
    if prompts := describe_prompts(explanation.prompts):
        parts.append(f"Prompts: {escape(prompts)}")
    if (fused := part_table(explanation)) is not None:
        parts.append(_parts(fused))
    if (units := view_units(explanation)) is not None:
        parts.append(_units(units))
    parts += [
        _quote("Left", explanation.left, cut_into_segments(
            explanation.left, explanation.pairs, which="left")),
        _quote("Right", explanation.right, cut_into_segments(
            explanation.right, explanation.pairs, which="right")),
        _table(explanation) if explanation.pairs else "No word pairs to show.",
    ]  # fmt: skip
    if total := describe_sum(explanation):
        parts.append(escape(total))
    if (terms := view_terms(explanation)) is not None:
        parts.append(_terms(terms))
    if checks := view_checks(explanation):
        parts.append(
            "\n".join(["**Checked**", "", *(f"- {write_sentence(one)}" for one in checks)])
        )
    if reasons := _reasons(explanation):
        parts.append("\n".join(["**Why not more alike**", "", *reasons]))
    if explanation.warnings:
        parts.append("\n".join(f"- Warning: {escape(said)}" for said in explanation.warnings))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Return text on one line that Markdown shows as it is."""
    return _without_links(_without_markup(text))


def write_sentence(sentence: Sentence) -> str:
    """Return a sentence, with words of the texts emphasised where Markdown surely takes it so."""
    said = []
    for piece in sentence:
        text = escape(piece.text) if piece.is_words else _without_markup_inside(piece.text)
        plain = piece.text[:1].isalnum() and piece.text[-1:].isalnum()
        said.append(f"*{text}*" if piece.is_words and plain else text)
    return "".join(said)


def _without_markup_inside(text: str) -> str:
    """Return a part of a sentence with the blanks at its ends."""
    before, after = (" " if end.isspace() else "" for end in (text[:1], text[-1:]))
    return f"{before}{escape(text)}{after}"


def _without_markup(text: str) -> str:
    return _MARKUP.sub(lambda found: f"\\{found[0]}", " ".join(visible(text).split()))


def _without_links(line: str) -> str:
    """Return a line, its markup escaped, of which GitHub makes no address and no reference."""
    line = _LINKS.sub(lambda found: f"&#{ord(found[0])};", line)
    return _REFERENCE.sub(rf"\1{WORD_JOINER}", line)


def _quote(name: str, side: ExplainedText, segments: Sequence[Segment]) -> str:
    if not side.text.strip():
        return f"> {name}: *(empty)*"
    read = "".join(_segment(segment) for segment in segments if segment.read)
    where = "" if side.chunk is None else f" ({side.chunk})"
    lines = [f"> {name}{where}: {_without_links(' '.join(read.split()))}"]
    for tail in (segment for segment in segments if not segment.read and side.chunk is None):
        count, rest = say_unread(side, tail)
        lines += [">", f"> Not read ({count}): {escape(rest)}"]
    return "\n".join(lines)


def _segment(segment: Segment) -> str:
    """Return a word or what stands between words, with the blanks around it."""
    text = segment.text
    if segment.word is None:
        # Blanks at the ends part the words.
        before, after = (" " if part.isspace() else "" for part in (text[:1], text[-1:]))
        return f"{before}{_without_markup(text)}{after}"
    said = _without_markup(text)
    if not segment.marks:
        return said
    # Beside a mark of punctuation, asterisks need not mean bold.
    bold = f"**{said}**" if text[:1].isalnum() and text[-1:].isalnum() else said
    return f"{bold}\\[{','.join(map(str, segment.marks))}\\]"


def _terms(view: TermsView) -> str:
    rows = [(row.left_word, row.term, row.right_word, row.adds) for row in view.rows]
    lines = [
        f"**{view.title}**",
        "",
        f"| {' | '.join(NAMES)} |",
        "| --- | --- | --- | ---: |",
        *(f"| {' | '.join(escape(shorten(cell)) for cell in row)} |" for row in rows),
        *(["", view.more] if view.more else []),
    ]
    return "\n".join(lines)


def _units(view: UnitsView) -> str:
    """Return the sentences or phrases that matter, and how many are left out."""
    return "\n\n".join([*(_side_of_units(view, side) for side in view.sides), escape(view.meaning)])


def _side_of_units(view: UnitsView, side: UnitSide) -> str:
    lines = [
        f"**{view.title} of the {side.title.lower()}**",
        "",
        f"| without | {view.beside} | |",
        "| --: | --: | :-- |",
    ]
    for part in side.parts:
        if part.folded:
            lines.append(f"| | | *… {escape(part.folded)}* |")
            continue
        for row in part.rows:
            text = escape("".join(run.text for run in row.runs))
            lines.append(f"| {escape(row.fall)} | {escape(row.beside)} | {text} |")
    return "\n".join(lines)


def _table(explanation: Explanation) -> str:
    rows = pair_rows(explanation)
    lines = [
        f"| # | {' | '.join(rows.names)} |",
        "| --: | :-- | --: | :-- | --: | --: | --: |",
        *(
            f"| {rank} | {' | '.join(map(escape, cells))} |"
            for rank, cells in enumerate(rows.cells, start=1)
        ),
    ]
    return "\n".join([*lines, "", rows.more] if rows.more else lines)


def _parts(shown: PartTable) -> str:
    """Return the parts of a fused score."""
    sides = [":--" if name in ("part", "words by") else "--:" for name in shown.names]
    rows = [shown.names, *shown.rows]
    lines = [f"| {' | '.join(map(escape, row))} |" for row in rows]
    return "\n".join([lines[0], f"| {' | '.join(sides)} |", *lines[1:]])


def _reasons(explanation: Explanation) -> list[str]:
    return [
        f"- {escape(f'{reason.title}, {say_words(words)}')}"
        for reason in why_not_more_alike(explanation)
        for words in reason.lists
    ]
