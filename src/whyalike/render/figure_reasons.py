"""Why the texts are not more alike, in the figure."""

from collections.abc import Sequence

from whyalike.render.figure_layout import flow_text
from whyalike.render.figure_measures import MARGIN, SMALL, WIDTH
from whyalike.render.figure_sheet import Sheet
from whyalike.render.palette import MUTED
from whyalike.render.segments import Segment
from whyalike.render.why_not import Reason, WordList

INDENT = 152.0
LEADING = 12.0


def draw_reasons(sheet: Sheet, reasons: Sequence[Reason], y: float) -> float:
    """Draw each reason with the words of both sides; nothing where there is none."""
    if not reasons:
        return y
    y += 14
    sheet.text(MARGIN, y + 9, "Why not more alike", 9, bold=True)
    y += 14
    for reason in reasons:
        sheet.text(MARGIN, y + 10, reason.title, SMALL, color=MUTED)
        for words in reason.lists:
            y = draw_words(sheet, words, y)
        y += 4
    return y


def draw_words(sheet: Sheet, words: WordList, y: float) -> float:
    """Draw the words of one side in as many lines as they need."""
    sheet.text(MARGIN + INDENT - 36, y + 10, words.side.lower(), SMALL, color=MUTED)
    flow = flow_text(
        [Segment(list_words(words))],
        WIDTH - 2 * MARGIN - INDENT,
        lambda text: sheet.measure(text, SMALL),
    )
    for piece in flow.pieces:
        sheet.text(MARGIN + INDENT + piece.x, y + 10 + LEADING * piece.line, piece.text, SMALL)
    return y + LEADING * flow.lines


def list_words(words: WordList) -> str:
    """Return the words with their values on one line, and how many more there are."""
    listed = ", ".join(f"{word} {value}".rstrip() for word, value in words.words)
    return f"{listed} +{words.more} more" if words.more else listed
