"""Flowing a text into lines of a given width: breaks, and the order of left-to-right and back."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from whyalike.render.segments import Segment

Measure = Callable[[str], float]

ATOMS = re.compile(r"\n|[^\S\n]+|\S+")
LINE_ENDS = re.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")
MARKS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """Ink on a line: ``x`` and ``width`` are of the text; its mark stands beside it, after it."""

    text: str
    segment: Segment
    width: float
    mark: str = ""
    mark_width: float = 0.0
    x: float = 0.0
    line: int = 0
    rtl: bool = False

    @property
    def is_space(self) -> bool:
        """Whether a line can end here and start again after it."""
        return self.text.isspace()

    @property
    def advance(self) -> float:
        """What the piece takes of its line."""
        return self.width + self.mark_width


@dataclass(frozen=True, slots=True)
class Flow:
    """A text in lines. ``cut`` says that it had more lines than were allowed."""

    pieces: tuple[Piece, ...]
    lines: int
    cut: bool = False


def flow_text(
    segments: Iterable[Segment],
    width: float,
    measure: Measure,
    *,
    measure_mark: Measure | None = None,
    max_lines: int | None = None,
) -> Flow:
    """Return the segments set in lines of at most ``width``.

    Words are kept whole where they fit a line; lines also break between characters of scripts
    that write no spaces. A text whose first strong character is right-to-left starts at the right.
    """
    segments = list(segments)
    base_rtl = bool(is_rtl("".join(segment.text for segment in segments)))
    lines: list[list[Piece]] = [[]]
    room = width
    cut = False
    for cluster in clusters(split_segments(segments, width, measure, measure_mark or measure)):
        needed = sum(piece.advance for piece in cluster)
        starts_line = cluster[0].text == "\n" or (needed > room and not cluster[0].is_space)
        if starts_line and (lines[-1] or cluster[0].text == "\n"):
            if max_lines is not None and len(lines) == max_lines:
                cut = True
                break
            lines.append([])
            room = width
        if cluster[0].text != "\n":
            lines[-1].extend(cluster)
            room -= needed
    placed = [
        piece
        for number, line in enumerate(lines)
        for piece in place_line(line, width, number, base_rtl=base_rtl)
    ]
    return Flow(tuple(placed), len(lines), cut)


def split_segments(
    segments: Iterable[Segment], width: float, measure: Measure, measure_mark: Measure
) -> Iterator[Piece]:
    """Yield pieces none of which is wider than a line, in reading order."""
    for segment in segments:
        mark = format_marks(segment.marks)
        mark_width = measure_mark(mark) if mark else 0.0
        atoms = ATOMS.findall(LINE_ENDS.sub("\n", segment.text))
        if segment.word is not None:
            atoms = [" ".join(segment.text.split())] if segment.text.strip() else []
        chunks = [chunk for atom in atoms for chunk in fit_atom(atom, width - mark_width, measure)]
        for number, chunk in enumerate(chunks, start=1):
            piece = Piece(chunk, segment, 0.0 if chunk == "\n" else measure(chunk))
            if number == len(chunks):
                piece = replace(piece, mark=mark, mark_width=mark_width)
            yield piece


def fit_atom(atom: str, width: float, measure: Measure) -> list[str]:
    """Return the atom in parts that fit a line; spaces become one part, however long."""
    if atom == "\n":
        return [atom]
    if atom.isspace():
        return [" " * min(len(atom.expandtabs(4)), 8)]
    parts: list[str] = []
    while (size := max(1, count_fitting(atom, width, measure))) < len(atom):
        parts.append(atom[:size])
        atom = atom[size:]
    return [*parts, atom]


def count_fitting(text: str, width: float, measure: Measure) -> int:
    """Return how many characters of ``text`` fit ``width``, without measuring much more of it."""
    limit = 32
    while limit < len(text) and measure(text[:limit]) <= width:
        limit *= 2
    sizes = range(1, min(limit, len(text)) + 1)
    return bisect_right(sizes, width, key=lambda size: measure(text[:size]))


def clusters(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Yield the pieces in groups that stay on one line, such as a word and its comma."""
    group: list[Piece] = []
    for piece in pieces:
        if group and (piece.is_space or group[-1].is_space or can_break(group[-1], piece)):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def can_break(before: Piece, after: Piece) -> bool:
    """Whether a line may break between two pieces of ink: in wide scripts, or inside a word."""
    if before.segment is after.segment:
        return True
    if unicodedata.category(after.text[0]) in ("Po", "Pe", "Pf"):
        return False
    if unicodedata.category(before.text[-1]) in ("Ps", "Pi"):
        return False
    return any(unicodedata.east_asian_width(c) in "WF" for c in (before.text[-1], after.text[0]))


def place_line(
    line: Sequence[Piece], width: float, number: int, *, base_rtl: bool
) -> Iterator[Piece]:
    """Yield the pieces of a line from left to right, as their directions order them."""
    while line and line[-1].is_space:
        line = line[:-1]
    directions = resolve_directions([piece.text for piece in line], base_rtl=base_rtl)
    order = order_visually(directions, base_rtl=base_rtl)
    x = width - sum(piece.advance for piece in line) if base_rtl else 0.0
    for index in order:
        piece, rtl = line[index], directions[index]
        start = x + piece.mark_width if rtl else x
        x += piece.advance
        if piece.is_space:
            continue
        text = piece.text
        if rtl and is_rtl(text) is None:
            text = text.translate(MIRRORED)
        yield replace(piece, text=text, x=start, line=number, rtl=rtl)


def resolve_directions(texts: Sequence[str], *, base_rtl: bool) -> list[bool]:
    """Return which texts run right-to-left; neutral ones follow their neighbours if both agree."""
    strong = [is_rtl(text) for text in texts]
    resolved = []
    for index, own in enumerate(strong):
        if own is not None:
            resolved.append(own)
            continue
        before = next((d for d in reversed(strong[:index]) if d is not None), base_rtl)
        after = next((d for d in strong[index + 1 :] if d is not None), base_rtl)
        resolved.append(before if before == after else base_rtl)
    return resolved


def order_visually(directions: Sequence[bool], *, base_rtl: bool) -> list[int]:
    """Return the indices of a line's pieces from left to right: runs against the base turn."""
    order: list[int] = []
    run: list[int] = []
    for index, rtl in enumerate(directions):
        if rtl == base_rtl:
            order.extend(reversed(run))
            order.append(index)
            run = []
        else:
            run.append(index)
    order.extend(reversed(run))
    return order[::-1] if base_rtl else order


def is_rtl(text: str) -> bool | None:
    """Return the direction of the first strong character; None if there is none."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("R", "AL"):
            return True
        if kind == "L":
            return False
    return None


def format_marks(marks: Sequence[int]) -> str:
    """Return the ranks of a word's pairs, the best few of them."""
    text = ",".join(map(str, marks[:MARKS_SHOWN]))
    more = len(marks) - MARKS_SHOWN
    return f"{text}+{more}" if more > 0 else text
