"""The word lists that rules go by: plain text files, ours or the user's."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from whyalike.errors import FormatError

OURS = Path(__file__).parent / "words"


@dataclass(frozen=True)
class WordLists:
    """Lists by name, each a tuple of lines.

    A line is a word or phrase, or a replacement: ``heavy > light`` one way, ``hot <> cold`` both
    ways, ``fresh > stale, old`` with a choice. Lower case; ``#`` begins a remark. The names are
    those of the files in ``evaluation/edits/words/en``.
    """

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def english(cls) -> "WordLists":
        """Return the lists that come with whyalike."""
        return _read_ours("en")

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> "WordLists":
        """Return the lists of a folder: the file ``antonyms.txt`` is the list ``antonyms``.

        Raises:
            FormatError: there is no such folder, it has no ``.txt`` files, or one of them has a
                line that can't be read.
        """
        files = sorted(Path(folder).glob("*.txt"))
        if not files:
            raise FormatError(
                f"There are no word lists in {os.fspath(folder)}: give a folder with files such as "
                "antonyms.txt."
            )
        return cls({file.stem: _read_lines(file) for file in files})

    def extended(self, more: "WordLists") -> "WordLists":
        """Return these lists with those of ``more``: lines are added, and later ones win."""
        names = (*self.lists, *more.lists)
        return WordLists(
            {name: (*self.lists.get(name, ()), *more.lists.get(name, ())) for name in names}
        )

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list of words or phrases, in its order; empty where there is no such list."""
        return tuple(dict.fromkeys(self.lists.get(name, ())))

    def replacements(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return what each word or phrase of a list may be replaced by."""
        found: dict[str, tuple[str, ...]] = {}
        for line in self.lists.get(name, ()):
            old, sign, new = (part.strip() for part in line.partition(">"))
            if not sign:
                continue
            choices = tuple(part.strip() for part in new.split(","))
            both = old.endswith("<")
            old = old.removesuffix("<").strip()
            found[old] = choices
            if both:
                found.update(dict.fromkeys(choices, (old,)))
        return found


@cache
def _read_ours(language: str) -> WordLists:
    return WordLists.read(OURS / language)


def _read_lines(file: Path) -> tuple[str, ...]:
    """Return the lines of a list. Raises FormatError, with the line, on what is none."""
    try:
        content = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"Could not read the word list {file}: {error}.") from error
    lines = []
    for number, raw in enumerate(content.splitlines(), start=1):
        line = " ".join(raw.partition("#")[0].split())
        if not line:
            continue
        sides = line.replace("<>", ">").split(">")
        words = [word.strip() for side in sides for word in side.split(",")]
        if len(sides) > 2 or not all(words) or (len(sides) == 1 and len(words) > 1):
            raise FormatError(
                f"{file}, line {number}: {raw.strip()!r} is neither a word nor a replacement such "
                "as 'heavy > light' or 'hot <> cold'."
            )
        lines.append(line)
    return tuple(lines)
