"""Sentences of a text, and the lines of Markdown that are none.

Ends of sentences come from sentencex, which has the marks and abbreviations of some 300 languages
and needs neither a model nor a network. Where the lines of a text mean something, they stay apart:
Markdown's headings, items of lists, rows of tables and lines of code, as markdown-it-py finds them.
Scripts that end sentences by no mark of their own (Thai, Lao) give one sentence a paragraph.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import regex
from markdown_it import MarkdownIt
from sentencex import get_sentence_boundaries

from whyalike.errors import OptionError
from whyalike.texts import is_mark, without_surrogates

_LINE_END = regex.compile(r"\r\n|\r|\n")
# sentencex counts bytes where it expects ASCII blanks, and stops at other ones. One for one.
_BLANKS = regex.compile(r"[^\S\n\t ]|\x85|[\x1c-\x1f]")

# What sentencex ends a sentence by differs from English in this script alone; in the others only
# abbreviations do, and those of the language that most writers of the script have do no harm.
_SCRIPTS = {
    "el": regex.compile(r"\p{Greek}"),
    "ru": regex.compile(r"\p{Cyrillic}"),
}
_LETTER = regex.compile(r"\p{L}")
_CODE = regex.compile(r"[a-z]{2,3}")


class _Block(NamedTuple):
    """Lines from ``start`` to before ``end``; ``whole`` where they are one unit as they stand.

    The first ``number`` characters are that of an item of a list, whose point ends no sentence.
    """

    start: int
    end: int
    whole: bool
    number: int = 0


def check_language(language: str | None) -> None:
    """Raise OptionError on what is no code of a language of two letters."""
    if language is not None and not _CODE.fullmatch(language):
        raise OptionError(
            f"language is {language!r}; give an ISO 639-1 code of two letters, such as 'de'."
        )


def split_sentences(text: str, *, language: str | None = None) -> list[tuple[int, int]]:
    """Return (start, end) of each sentence of ``text``, in characters.

    In order, without overlap and without white space at their ends. Every character that is no
    white space is in one of them. No sentence crosses a paragraph, and none shares a Markdown
    heading, an item of a list, a row of a table or a line of code with another block; the lines
    that only draw (a fence, the line below a table's head) belong to the line they stand by.

    Parameters
    ----------
    text : str
        The raw text, plain or Markdown.
    language : str, optional
        ISO 639-1 code of the language, for its abbreviations, as "de" for "z. B."; as the script
        says, if None: English where nothing says otherwise. One whose abbreviations are not known
        is read as English.

    Raises
    ------
    OptionError
        ``language`` is no code of a language.
    """
    check_language(language)
    lines = _lines(text)
    spans: list[tuple[int, int]] = []
    for block in _blocks(text, lines):
        start, end = lines[block.start][0], lines[block.end - 1][1]
        piece = text[start:end]
        found = [(0, len(piece))] if block.whole else _sentences(piece, block.number, language)
        for first, last in found:
            span = _stripped(text, start + first, start + last)
            if span is None:
                continue
            # A mark alone says nothing: it stays with what it stands by.
            close = bool(spans) and not _LINE_END.findall(text, spans[-1][1], span[0])[1:]
            if close and is_mark(text[slice(*span)]) and not _is_symbol(text[slice(*span)]):
                spans[-1] = (spans[-1][0], span[1])
            else:
                spans.append(span)
    return spans


def find_headings(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of the lines of each Markdown heading of ``text``, in order."""
    lines = _lines(text)
    return [
        (lines[start][0], lines[end - 1][1])
        for token in _parser().parse(_without_margin(text, lines))
        if token.type == "heading_open" and token.map is not None
        for start, end in [token.map]
    ]


def _is_symbol(piece: str) -> bool:
    """Return whether a piece without letters holds a symbol of its own, such as an emoji."""
    return any(unicodedata.category(character) == "So" for character in piece)


def _stripped(text: str, start: int, end: int) -> tuple[int, int] | None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def _lines(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each line, counted as markdown-it-py counts them."""
    ends = [match.span() for match in _LINE_END.finditer(text)]
    starts = [0, *(end for _, end in ends)]
    return list(zip(starts, [*(start for start, _ in ends), len(text)], strict=True))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def _blocks(text: str, lines: list[tuple[int, int]]) -> Iterator[_Block]:
    """Yield the blocks of a text, in order; every line that is not blank is in one."""
    found: dict[int, _Block] = {}
    numbers: dict[int, int] = {}
    for token in _parser().parse(_without_margin(text, lines)):
        if token.map is None:
            continue
        start, end = token.map
        if token.type in ("heading_open", "tr_open"):
            found[start] = _Block(start, end, True)
        elif token.type == "fence":
            found |= _fenced(start, min(end, len(lines)), text, lines)
        elif token.type == "code_block":
            found |= {line: _Block(line, line + 1, True) for line in range(start, end)}
        elif token.type == "list_item_open" and token.info:
            number = token.info + token.markup
            row = text[slice(*lines[start])]
            numbers[start] = row.index(number, numbers.get(start, 0)) + len(number)
        elif token.type in ("inline", "html_block") and start not in found:
            found[start] = _Block(start, end, False, numbers.get(start, 0))
    at = 0
    while at < len(lines):
        block = found.get(at, _Block(at, at + 1, True))
        yield block
        at = block.end


def _without_margin(text: str, lines: list[tuple[int, int]]) -> str:
    """Return the text without the indentation that all lines share: it makes no code of them."""
    rows = [text[start:end] for start, end in lines]
    depths = [len(row) - len(row.lstrip(" \t")) for row in rows if not row.isspace() and row]
    margin = min(depths, default=0)
    return "\n".join(row[margin:] for row in rows)


def _fenced(start: int, end: int, text: str, lines: list[tuple[int, int]]) -> dict[int, _Block]:
    """Return the lines of a fenced block; each fence goes with the line of code beside it."""
    code = [
        line for line in range(start + 1, end) if not is_mark(text[slice(*lines[line])].strip("`~"))
    ]
    if not code:
        return {start: _Block(start, end, True)}
    begins = [start, *code[1:]]
    stops = [*code[1:], end]
    return {a: _Block(a, b, True) for a, b in zip(begins, stops, strict=True)}


def _language(text: str) -> str:
    letters = len(_LETTER.findall(text))
    shares = ((len(script.findall(text)), code) for code, script in _SCRIPTS.items())
    return next((code for count, code in shares if 2 * count > letters), "en")


def _sentences(text: str, number: int, language: str | None) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the sentences of a paragraph, which together are all of it."""
    plain = without_surrogates(_BLANKS.sub(" ", text[number:]))
    found = get_sentence_boundaries(language or _language(plain), plain)
    start = 0
    for sentence in found[:-1]:
        end = _past_closing(text, number + sentence["end_index"])
        if end > start:
            yield start, end
            start = end
    if start < len(text):
        yield start, len(text)


def _past_closing(text: str, end: int) -> int:
    """Return where a sentence ends that was cut at ``end``: behind marks that belong to it."""
    while end < len(text) and unicodedata.category(text[end]) in ("Mn", "Mc", "Me", "Cf"):
        end += 1
    if end and text[end - 1].isspace():
        return end
    last = end
    while last < len(text) and unicodedata.category(text[last]) in ("Po", "Pe", "Pf", "Pc", "Sk"):
        last += 1
    closes = last == len(text) or text[last].isspace()
    return last if closes else end
