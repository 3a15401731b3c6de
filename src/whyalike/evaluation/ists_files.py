"""Gold of interpretable STS (SemEval-2016 task 2): .wa files, and the files with the chunks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whyalike.errors import FormatError
from whyalike.evaluation.gold_lines import Source, damaged, is_place, read_lines

Chunk = tuple[int, ...]
"""The words of a chunk by their places among the words at blanks, from 0."""

_SENTENCE = re.compile(r'<sentence id="([^"]*)"')
_TEXT = re.compile(r"//\s?")


@dataclass(frozen=True, slots=True)
class ChunkedPair:
    """Two texts cut into chunks, and which chunks people link.

    links: (left chunk, right chunk); a chunk here may be several of ``left_chunks`` together.
    Unlinked chunks are in no link. Words count from 0.
    """

    name: str
    left: str
    right: str
    left_chunks: tuple[Chunk, ...]
    right_chunks: tuple[Chunk, ...]
    links: tuple[tuple[Chunk, Chunk], ...]


def read_ists(
    path: Source, *, chunks: tuple[Source, Source] | None = None
) -> tuple[ChunkedPair, ...]:
    """Read a .wa file with its gold chunks (Agirre et al. 2016).

    Words are those of the texts' own lines, split at blanks, as the official scorer reads them; the
    lists of words below them are not read. A line of the alignment is
    "words <==> words // type // score // comment", words from 1, and 0 for no chunk. Types and
    scores are not kept.

    Args:
        path: a file such as ``STSint.input.headlines.wa``.
        chunks: the files with the chunks of the left and of the right texts, a text a line, each
            chunk in brackets: "[ A cat ] [ sleeps ]". By default those of the published names
            beside ``path``: ``STSint.input.headlines.sent1.chunk.txt`` and ``sent2``.

    Raises:
        FormatError: a file can't be read or is damaged; the line is named.
    """
    files: Sequence[Source] = chunks if chunks is not None else _beside(Path(path))
    parsed = _Reader(path, read_lines(path, what="chunk alignments")).read()
    sides = [read_lines(file, what="chunks") for file in files]
    for file, lines in zip(files, sides, strict=True):
        if len(lines) != len(parsed):
            raise FormatError(f"{file} has {len(lines)} lines, and {path} has {len(parsed)} pairs.")
    pairs = []
    for number, (name, texts, links) in enumerate(parsed, start=1):
        left, right = (
            _chunks(lines[number - 1], text, file, number)
            for file, lines, text in zip(files, sides, texts, strict=True)
        )
        pairs.append(ChunkedPair(name, texts[0], texts[1], left, right, links))
    return tuple(pairs)


Links = tuple[tuple[Chunk, Chunk], ...]
Parsed = tuple[str, tuple[str, str], Links]


class _Reader:
    """Reads the lines of a .wa file once, in order."""

    def __init__(self, path: Source, lines: Sequence[str]) -> None:
        self.path = path
        self.lines = lines

    def read(self) -> list[Parsed]:
        """Return each pair's id, its texts and its links."""
        starts = [n for n, line in enumerate(self.lines) if _SENTENCE.match(line)]
        if not starts:
            raise FormatError(f'{self.path} has no <sentence id="...">; a .wa file has one a pair.')
        found: dict[str, Parsed] = {}
        for start, end in zip(starts, [*starts[1:], len(self.lines)], strict=True):
            pair = self._pair(start, end)
            if pair[0] in found:
                raise damaged(self.path, start + 1, f"the id {pair[0]!r} was used before.")
            found[pair[0]] = pair
        return list(found.values())

    def _pair(self, start: int, end: int) -> Parsed:
        match = _SENTENCE.match(self.lines[start])
        name = match.group(1) if match else ""
        texts = self._text(start + 1, end), self._text(start + 2, end)
        sizes = len(texts[0].split()), len(texts[1].split())
        links = [
            link
            for number in range(start + 3, end)
            if "<==>" in self.lines[number]
            for link in self._links(number, sizes)
        ]
        return name, texts, tuple(links)

    def _text(self, number: int, end: int) -> str:
        if number >= end or not _TEXT.match(self.lines[number]):
            raise damaged(
                self.path, number + 1, "the two texts of a pair stand below its id, after '// '."
            )
        return _TEXT.sub("", self.lines[number], count=1).strip()

    def _links(self, number: int, sizes: tuple[int, int]) -> list[tuple[Chunk, Chunk]]:
        """Return the link of a line, or none where one side has no chunk."""
        left, _, right = self.lines[number].partition("//")[0].partition("<==>")
        sides = [
            self._words(words, size, number)
            for words, size in zip((left, right), sizes, strict=True)
        ]
        return [(sides[0], sides[1])] if all(sides) else []

    def _words(self, text: str, size: int, number: int) -> Chunk:
        words = text.split()
        if not words or not all(is_place(word, size) for word in words):
            raise damaged(
                self.path,
                number + 1,
                f"{text.strip()!r} is no chunk of a text of {size} words; give their numbers from "
                "1 on, or 0 for no chunk.",
            )
        return tuple(int(word) - 1 for word in words if int(word))


def _beside(path: Path) -> list[Source]:
    return [path.with_name(f"{path.stem}.sent{side}.chunk.txt") for side in (1, 2)]


def _chunks(line: str, text: str, path: Source, number: int) -> tuple[Chunk, ...]:
    """Return the chunks of a text.

    A bracket that opens inside a chunk begins the next one: a published line lacks its closing one.
    """
    chunks: list[list[int]] = []
    words: list[str] = []
    is_open = False
    for piece in line.split():
        if piece == "[":
            chunks.append([])
            is_open = True
        elif piece == "]" and is_open:
            is_open = False
        elif is_open:
            chunks[-1].append(len(words))
            words.append(piece)
        else:
            raise damaged(path, number, f"{piece!r} stands in no chunk; write [ and ] around it.")
    if words != text.split():
        raise damaged(
            path, number, f"its words are not those of the text: {' '.join(words)!r} and {text!r}."
        )
    return tuple(tuple(chunk) for chunk in chunks if chunk)
