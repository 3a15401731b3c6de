"""Which English words are opposites, mean the same, or one is broader than the other."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple, Self

from whyalike.errors import FormatError

Words = Mapping[str, frozenset[str]]
NONE: frozenset[str] = frozenset()

_PARTS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}

# WordNet's rules for the forms of words (morphy), by part of speech, and doubled consonants.
_ENDINGS = {
    "n": [
        ("s", ""),
        ("ses", "s"),
        ("xes", "x"),
        ("zes", "z"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("men", "man"),
        ("ies", "y"),
    ],
    "v": [
        ("s", ""),
        ("ies", "y"),
        ("es", "e"),
        ("es", ""),
        ("ed", "e"),
        ("ed", ""),
        ("ing", "e"),
        ("ing", ""),
    ],
    "a": [("er", ""), ("est", ""), ("er", "e"), ("est", "e"), ("ier", "y"), ("iest", "y")],
    "r": [],
}
_DOUBLED = re.compile(r"([bdglmnprt])\1(?:ed|ing|er|est)$")


@dataclass(frozen=True, eq=False, repr=False)
class Thesaurus:
    """What English words have to do with each other, by their base forms in lower case.

    Attributes
    ----------
    opposites : mapping of str to frozenset of str
        The direct antonyms of a word.
    synonyms : mapping of str to frozenset of str
        Words that can mean the same, of the same root, or similar to it; empty where only
        antonyms are known.
    broader : mapping of str to frozenset of str
        Words for the kind of thing that it names: *dog*, *animal*.
    bases : mapping of str to frozenset of str
        Irregular forms with their base forms.
    indirect : mapping of str to frozenset of str
        The antonyms of similar words: *damp* is opposed to *dry* by *wet*.
    """

    opposites: Words
    synonyms: Words
    broader: Words
    bases: Words
    indirect: Words

    def __repr__(self) -> str:
        """Return one line."""
        return f"Thesaurus({len(self.opposites):,} opposites, {len(self.synonyms):,} synonyms)"

    @classmethod
    def builtin(cls) -> "Thesaurus":
        """Return the antonyms, direct and indirect, that come with whyalike; no synonyms."""
        return _builtin()

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read WordNet's files, as Debian's ``wordnet-base`` and NLTK's ``wordnet`` have them.

        Parameters
        ----------
        folder : str or Path
            With ``index.noun``, ``data.noun``, ``noun.exc``, and the same of verbs, adjectives and
            adverbs.

        Raises
        ------
        FormatError
            A file is not there, or is not WordNet's.
        """
        path = Path(folder)
        try:
            sets, forms = _read_sets(path), _read_forms(path)
        except (OSError, ValueError, IndexError) as error:
            raise FormatError(
                f"{path} does not hold WordNet's files ({error}): give the folder with data.noun, "
                "as the Debian package wordnet-base has it in /usr/share/wordnet."
            ) from error
        relations = _relations(sets)
        for pair in OURS:
            for one, other in (pair, pair[::-1]):
                relations["opposites"][one] = relations["opposites"].get(one, NONE) | {other}
        return cls(**relations, bases=forms)

    def bases_of(self, word: str) -> frozenset[str]:
        """Return the base forms that a word may have, itself among them, in lower case."""
        low = word.lower().replace("\u2019", "'").removesuffix("'s")
        found = {low, *self.bases.get(low, NONE)}
        found |= {stem for stem in _stems(low) if self._has(stem)}
        return frozenset(found)

    def knows(self, word: str) -> bool:
        """Return whether the thesaurus has a word, in any of its forms."""
        return any(map(self._has, self.bases_of(word)))

    def are_opposite(self, one: str, other: str) -> bool:
        """Return whether two words are opposites, in any of their forms, directly or indirectly."""
        return self._related(one, other, self.opposites) or (
            not self.are_synonyms(one, other) and self._related(one, other, self.indirect)
        )

    def are_synonyms(self, one: str, other: str) -> bool:
        """Return whether two words have a base form in common, or may mean the same."""
        return bool(self.bases_of(one) & self.bases_of(other)) or self._related(
            one, other, self.synonyms
        )

    def is_broader(self, one: str, other: str) -> bool:
        """Return whether ``one`` names a kind of thing that ``other`` is one of."""
        return any(self.bases_of(one) & self._kinds_of(base) for base in self.bases_of(other))

    def _kinds_of(self, base: str) -> set[str]:
        """Return the words for what a word is one of, up to three steps."""
        found: set[str] = set()
        latest = {base}
        for _ in range(STEPS):
            latest = {kind for one in latest for kind in self.broader.get(one, NONE)} - found
            found |= latest
        return found

    def _related(self, one: str, other: str, relation: Words) -> bool:
        ones, others = self.bases_of(one), self.bases_of(other)
        return any(relation.get(base, NONE) & others for base in ones) or any(
            relation.get(base, NONE) & ones for base in others
        )

    def _has(self, base: str) -> bool:
        return base in (self.synonyms or self.opposites) or base in self.indirect


OURS = (("arrive", "depart"), ("happy", "sad"), ("rise", "fall"), ("win", "lose"))
"""Opposites that WordNet has by way of another word only."""

STEPS = 2
"""How many steps up a broader word may stand: the upper ones hold of nearly everything."""


def _stems(word: str) -> Iterator[str]:
    for endings in _ENDINGS.values():
        for ending, base in endings:
            if word.endswith(ending) and len(word) > len(ending) + 1:
                yield word.removesuffix(ending) + base
    if found := _DOUBLED.search(word):
        yield word[: found.start() + 1]


@cache
def _builtin() -> Thesaurus:
    text = resources.files("whyalike.words").joinpath("antonyms.txt").read_text(encoding="utf-8")
    opposites: dict[str, frozenset[str]] = {}
    marked: dict[str, dict[str, frozenset[str]]] = {"<": {}, "~": {}}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        word, *others = line.split()
        if others[0] in marked:
            marked[others[0]][word] = frozenset(others[1:])
        else:
            opposites[word] = frozenset(others)
    return Thesaurus(opposites, {}, {}, bases=marked["<"], indirect=marked["~"])


class _Set(NamedTuple):
    """A synonym set: its words, and pointers (relation, target, which word, which of its)."""

    words: tuple[str, ...]
    pointers: tuple[tuple[str, tuple[str, int], int, int], ...]


def _read_sets(path: Path) -> dict[tuple[str, int], _Set]:
    """Return the sets by part of speech and offset; the format is wndb(5WN)."""
    sets = {}
    for name, part in _PARTS.items():
        for line in (path / f"data.{name}").read_text(encoding="utf-8").splitlines():
            if line.startswith("  "):
                continue
            parts = line.partition("|")[0].split()
            count = int(parts[3], 16)
            words = tuple(parts[4 + 2 * n].partition("(")[0].lower() for n in range(count))
            at = 4 + 2 * count
            pointers = []
            for n in range(int(parts[at])):
                relation, offset, kind, ends = parts[at + 1 + 4 * n : at + 5 + 4 * n]
                target = ("a" if kind == "s" else kind, int(offset))
                pointers.append((relation, target, int(ends[:2], 16), int(ends[2:], 16)))
            sets[part, int(parts[0])] = _Set(words, tuple(pointers))
    return sets


def _read_forms(path: Path) -> dict[str, frozenset[str]]:
    forms: defaultdict[str, set[str]] = defaultdict(set)
    for name in _PARTS:
        for line in (path / f"{name}.exc").read_text(encoding="utf-8").splitlines():
            form, *bases = line.split()
            forms[form].update(bases)
    return {form: frozenset(bases) for form, bases in forms.items()}


def _relations(sets: Mapping[tuple[str, int], _Set]) -> dict[str, dict[str, frozenset[str]]]:
    """Return the relations of words, by the sets that they stand in."""
    found: dict[str, defaultdict[str, set[str]]] = {
        name: defaultdict(set) for name in ("opposites", "synonyms", "broader", "indirect")
    }
    for own in sets.values():
        for word in own.words:
            found["synonyms"][word].update(own.words)
        for relation, target, mine, other in own.pointers:
            of_target = sets[target]
            if relation == "!":
                found["opposites"][own.words[mine - 1]].add(of_target.words[other - 1])
            elif relation in ("+", "\\"):
                found["synonyms"][own.words[mine - 1]].add(of_target.words[other - 1])
            elif relation == "&":
                for word in own.words:
                    found["synonyms"][word].update(of_target.words)
                    found["indirect"][word].update(
                        sets[far].words[end - 1]
                        for name, far, _, end in of_target.pointers
                        if name == "!"
                    )
            elif relation in ("@", "@i"):
                for word in own.words:
                    found["broader"][word].update(of_target.words)
    return {
        name: {word: frozenset(others) for word, others in words.items()}
        for name, words in found.items()
    }
