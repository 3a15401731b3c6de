"""The design of a study: which rater sees which stimuli in which order, and practice."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from whyalike.documents import shown
from whyalike.errors import FormatError
from whyalike.explanation import ExplainedText, Explanation, Word, WordPair
from whyalike.options import check_whole
from whyalike.study.model import HIGHEST, LOWEST, Kind, Study, Task
from whyalike.texts import clean_text, find_words

Thing = TypeVar("Thing")


class Shuffle:
    """Numbers and orders of a seed, the same in every release of Python and NumPy."""

    def __init__(self, seed: str) -> None:
        self.seed = seed

    def part(self, what: str) -> float:
        """Return a number from 0 up to 1, another for each ``what``."""
        digest = sha256(f"{self.seed}/{what}".encode()).digest()
        return int.from_bytes(digest[:6]) / 2**48

    def order(self, things: Sequence[Thing], what: str) -> list[Thing]:
        """Return the things in an order of their own for ``what``."""
        keys = [self.part(f"{what}/{n}") for n in range(len(things))]
        return [things[n] for n in sorted(range(len(things)), key=keys.__getitem__)]


PACKAGED = Path(__file__).with_name("practice.json")


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """An explanation whose answer is from ``low`` to ``high``, and ``why``."""

    explanation: Explanation
    low: int
    high: int
    why: str


@dataclass(frozen=True, slots=True)
class KnownAnswers:
    """What raters practise on, in this order, and what is mixed in to see if they look."""

    practice: tuple[KnownAnswer, ...]
    checks: tuple[KnownAnswer, ...]


def read_known_answers(path: Path = PACKAGED) -> KnownAnswers:
    """Read practice and checks from JSON, by default the packaged ones, which are English.

    The file is an object of two lists, ``practice`` and ``checks``. Each entry has ``left`` and
    ``right``, the texts; ``pairs``, lists of a left word, a right word and a number above 0 up to
    1; ``low`` and ``high``, 1 to 5; and ``why``, which is shown after practice.

    Raises
    ------
    FormatError
        The file can't be read, or an entry is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        lists = {kind: list(content[kind]) for kind in ("practice", "checks")}
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise FormatError(
            f"{path} holds no practice and checks ({type(error).__name__}: {error}): it should be "
            "a JSON object of two lists with these names."
        ) from error
    made: dict[str, tuple[KnownAnswer, ...]] = {}
    for kind, entries in lists.items():
        found = []
        for number, entry in enumerate(entries, start=1):
            try:
                found.append(_known_answer(entry))
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
                raise FormatError(f"{path}, entry {number} of {kind!r}: {error}") from error
        made[kind] = tuple(found)
    return KnownAnswers(**made)


def _known_answer(entry: Mapping[str, Any]) -> KnownAnswer:
    low, high, why = entry["low"], entry["high"], entry["why"]
    if not (type(low) is type(high) is int and LOWEST <= low <= high <= HIGHEST):
        said = f"{shown(low)} and {shown(high)}"
        raise ValueError(f"low and high are {said}; give 1 to 5, in that order.")
    if not isinstance(why, str):
        raise TypeError("why is no text.")
    left, right = (clean_text(entry[side], side=side).text for side in ("left", "right"))
    return KnownAnswer(write_explanation(left, right, entry["pairs"]), low, high, why)


def write_explanation(left: str, right: str, pairs: list[tuple[str, str, float]]) -> Explanation:
    """Return an explanation with these pairs of words, in the form of a stimulus.

    Parameters
    ----------
    left : str
        The left text.
    right : str
        The right text.
    pairs : list[tuple[str, str, float]]
        A word of each text, the first of that spelling, and how strong, above 0 up to 1.

    Raises
    ------
    ValueError
        A text without such a word, a number that is not allowed, or no pairs.
    """
    sides = (left, right)
    places = [find_words(text) for text in sides]
    strengths: tuple[dict[int, float], dict[int, float]] = ({}, {})
    found = []
    for *words, strength in pairs:
        if type(strength) not in (int, float) or not 0 < strength <= 1 or len(words) != 2:
            raise ValueError(
                f"a pair is two words and a number above 0 up to 1, not {shown(words)}."
            )
        indices = []
        for n, word in enumerate(words):
            spelled = [sides[n][start:end] for start, end in places[n]]
            if word not in spelled:
                raise ValueError(f"{shown(word)} is no word of {shown(sides[n])}.")
            index = spelled.index(word)
            strengths[n][index] = max(strengths[n].get(index, 0.0), float(strength))
            indices.append(index)
        found.append(WordPair(indices[0], indices[1], 0.0, float(strength)))
    if not found:
        raise ValueError("it has no pairs.")
    texts = [
        ExplainedText(
            text,
            tuple(
                Word(text[start:end], start, end, strengths[n].get(index, 0.0))
                for index, (start, end) in enumerate(places[n])
            ),
        )
        for n, text in enumerate(sides)
    ]
    return shown_explanation(texts[0], texts[1], found)


def shown_explanation(
    left: ExplainedText, right: ExplainedText, pairs: list[WordPair]
) -> Explanation:
    """Return an explanation that says no more than the texts, marked words and pairs."""
    return Explanation(
        similarity=0.0,
        similarity_function="cosine",
        method="",
        model="",
        pooling="",
        left=left,
        right=right,
        pairs=tuple(pairs),
        matches=tuple(pairs),
    )


Cell = tuple[int, int]
"""A sample and a method, by their indices."""


@dataclass(frozen=True, slots=True)
class _Screen:
    """A task before it has its place. ``first`` is the screen that a repeat shows again."""

    kind: Kind
    stimulus_id: str
    sample: int | None
    first: "_Screen | None" = None


def plan(study: Study, rater_number: int) -> tuple[Task, ...]:
    """Return all screens of a rater, practice first. The same rater always gets the same plan.

    A rater sees the samples in rounds. In each round a sample is shown at most once, and each of
    its methods comes in one round; which method in which is a row of a Williams square, another
    row for each sample and each rater. The two halves of the samples are shuffled apart, so that
    at least half of a round lies between two showings of one sample.

    Parameters
    ----------
    study : Study
        Whose ``plan`` says how many items, checks and repeats.
    rater_number : int
        From 0, in the order in which raters were added.

    Raises
    ------
    OptionError
        A number that no rater has.
    """
    check_whole("rater_number", rater_number, least=0)
    shuffle = Shuffle(f"{study.seed}/{rater_number}")
    screens = _items(study, rater_number, shuffle)
    apart = max(1, study.samples // 4)
    for screen, wanted in _repeats(study, screens, shuffle):
        _put(screens, screen, wanted=wanted, apart=apart)
    for screen, wanted in _checks(study, rater_number, len(screens), shuffle):
        _put(screens, screen, wanted=wanted, apart=apart)
    begin = [_Screen("practice", one.id, None) for one in study.practice]
    return _number([*begin, *screens])


def williams_square(methods: int) -> tuple[tuple[int, ...], ...]:
    """Return the rows of a Williams square: orders of ``methods`` treatments, by their indices.

    In all rows together each method stands equally often in each place, and each comes equally
    often right after each other one (Williams 1949). An even number needs as many rows, an odd
    one twice as many: the square and its mirror image.
    """
    zigzag = [0] + [(n + 1) // 2 if n % 2 else methods - n // 2 for n in range(1, methods)]
    rows = [tuple((step + shift) % methods for step in zigzag) for shift in range(methods)]
    if methods % 2 and methods > 1:
        rows += [row[::-1] for row in rows]
    return tuple(rows)


def cells_of(study: Study, rater_number: int) -> list[Cell]:
    """Return what a rater rates: everything, or the rater's turn of a balanced part.

    All samples by all methods stand in a ring, where each step goes to the next sample and the
    next method. A rater takes the next ``per_rater`` cells of it: over raters no cell is taken
    twice more than another, and for one rater samples differ by one rating at most, methods by
    two.
    """
    samples, methods = study.samples, len(study.methods)
    ring = [
        (sample, (turn * samples + sample + turn // _rounds_apart(samples, methods)) % methods)
        for turn in range(methods)
        for sample in range(samples)
    ]
    count = len(ring) if study.plan.per_rater is None else study.plan.per_rater
    start = rater_number * count
    return [ring[(start + n) % len(ring)] for n in range(count)]


def _rounds_apart(samples: int, methods: int) -> int:
    """Return after how many rounds a sample would meet its first method again."""
    turn = 1
    while turn * samples % methods:
        turn += 1
    return turn


def _items(study: Study, rater_number: int, shuffle: Shuffle) -> list[_Screen]:
    rows = williams_square(len(study.methods))
    methods: dict[int, list[int]] = {}
    for sample, method in cells_of(study, rater_number):
        methods.setdefault(sample, []).append(method)
    # Those that come once more go first: a last round that is not full would bring them too soon.
    mixed = sorted(shuffle.order(list(methods), "halves"), key=lambda s: -len(methods[s]))
    halves = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
    # The same for all raters: over as many raters as there are rows, a sample has each row once.
    place = {
        s: n for n, s in enumerate(Shuffle(str(study.seed)).order(range(study.samples), "rows"))
    }
    screens = []
    for turn in range(max(map(len, methods.values()), default=0)):
        for n, half in enumerate(halves):
            for sample in shuffle.order(half, f"round {turn} half {n}"):
                row = rows[(rater_number + place[sample]) % len(rows)]
                its = sorted(methods[sample], key=row.index)
                if turn < len(its):
                    stimulus = study.stimulus_of(sample, study.methods[its[turn]])
                    screens.append(_Screen("item", stimulus.id, sample))
    return screens


def _repeats(
    study: Study, screens: Sequence[_Screen], shuffle: Shuffle
) -> list[tuple[_Screen, int]]:
    """Return items of the first half again, each with its place about half of the plan later."""
    half = len(screens) // 2
    chosen = sorted(shuffle.order(range(half), "repeats")[: study.plan.repeats])
    found = []
    for index in chosen:
        first = screens[index]
        again = _Screen("repeat", first.stimulus_id, first.sample, first)
        found.append((again, index + len(screens) - half))
    # From the end on, so that what is put in moves no place that is still to be used.
    return found[::-1]


def _checks(
    study: Study, rater_number: int, length: int, shuffle: Shuffle
) -> list[tuple[_Screen, int]]:
    """Return checks, those with low and with high answers by turns, with places spread evenly."""
    low = shuffle.order([c for c in study.checks if c.high <= 3], "low checks")
    high = shuffle.order([c for c in study.checks if c.high > 3], "high checks")
    first, second = (low, high) if rater_number % 2 else (high, low)
    turns = [one for pair in zip(first, second, strict=False) for one in pair]
    shorter = min(len(first), len(second))
    chosen = [*turns, *first[shorter:], *second[shorter:]][: study.plan.checks]
    chosen = shuffle.order(chosen, "checks")
    wide = length / max(len(chosen), 1)
    return [
        (_Screen("check", one.id, one.sample), int((n + shuffle.part(f"check {n}")) * wide))
        for n, one in reversed(list(enumerate(chosen)))
    ]


def _put(screens: list[_Screen], screen: _Screen, *, wanted: int, apart: int) -> None:
    """Insert a screen near ``wanted``, with ``apart`` others between it and its sample's others.

    Where no place is far enough from them, the farthest is taken.
    """
    same = [n for n, one in enumerate(screens) if one.sample == screen.sample]
    others = same if screen.sample is not None else []

    def room(place: int) -> int:
        return min((place - n - 1 if n < place else n - place for n in others), default=apart)

    places = sorted(range(len(screens) + 1), key=lambda place: (abs(place - wanted), place))
    fitting = (place for place in places if room(place) >= apart)
    found = next(fitting, None)
    screens.insert(max(places, key=room) if found is None else found, screen)


def _number(screens: Sequence[_Screen]) -> tuple[Task, ...]:
    places = {id(screen): n for n, screen in enumerate(screens)}
    return tuple(
        Task(n, one.kind, one.stimulus_id, None if one.first is None else places[id(one.first)])
        for n, one in enumerate(screens)
    )
