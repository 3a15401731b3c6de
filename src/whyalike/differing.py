"""Where two texts differ, and whether that changes what they say: why they are not alike.

The texts are set beside each other sentence by sentence, and the words of two sentences as a
comparison of files sets their lines: what stands between words that both have is one place. What is
different there is said by rules, the first that holds: a negation on one side alone, opposites, a
number, date or name, words on one side only. Where none does, the model decides: a place is
reworded where the vectors of both spans are alike enough, in the scale of these two texts, together
with how many words have a synonym on the other side. One pass of the model, whatever the length.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import NamedTuple, cast

import numpy as np

from whyalike.arrays import Floats
from whyalike.differences import Difference, Differences, Kind, Offsets
from whyalike.errors import TextError
from whyalike.models.encoder import Encoder
from whyalike.models.pipeline import TokenPair
from whyalike.models.scorer import KnownScores, Scorer
from whyalike.models.word_states import WITH_STATES, TextWords, states_of, words_of
from whyalike.options import GradientOptions, LongText, MethodOptions
from whyalike.sentences import split_sentences
from whyalike.similarity import comparable
from whyalike.stop_words import negations_of
from whyalike.texts import clean_text, keep_words
from whyalike.words.thesaurus import Thesaurus

JOINED = 2
"""So many equal words between two places, at most, and they are one."""

ALIKE = 0.25
"""Likeness of two spans, with SYNONYMS, from which on they say the same in other words."""

SYNONYMS = 0.4
"""What it counts that every word of both spans has a synonym in the other one."""

SHARED = 0.2
"""Dice coefficient of two sentences' words from which on they are set beside each other."""

NEGATIVE = ("un", "in", "im", "il", "ir", "dis", "non", "non-", "mis")
SHORTEST_BASE = 3

# Beside the lists of negations: verbs and adverbs that deny, in English.
_DENYING = """
    nor nobody neither nowhere cannot can't hardly barely rarely scarcely little few lack lacks
    lacked lacking fail fails failed refuse refuses refused unlikely absent
"""
DENYING = frozenset(_DENYING.split())
_COUNTED = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty
"""
_TENS = "thirty forty fifty sixty seventy eighty ninety"
_ORDERED = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_NUMBERS = (
    {word: str(number) for number, word in enumerate(_COUNTED.split())}
    | {word: str(10 * number) for number, word in enumerate(_TENS.split(), start=3)}
    | {word: f"{number}." for number, word in enumerate(_ORDERED.split(), start=1)}
    | {"once": "1", "twice": "2", "dozen": "12", "half": "1/2", "quarter": "1/4"}
)
_MULTIPLES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_NAMES_OF_DAYS = """
    january february march april may june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday
"""
_DATES = frozenset(_NAMES_OF_DAYS.split())
_DIGITS = re.compile(r"\d")
_JOINING = frozenset([*",;:()-–—", "and", "or", "but", "without"])
_COMMAS = re.compile(r"(?<=\d),(?=\d{3})")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)$")


Relation = Callable[[str, str], bool]


class _Place(NamedTuple):
    """Words from ``left`` to before ``left_end`` against those from ``right``."""

    left: int
    left_end: int
    right: int
    right_end: int


@dataclass(frozen=True, eq=False)
class _Side:
    """The words of a text, with what rules ask of them."""

    words: TextWords
    negations: frozenset[int]

    def texts(self, start: int, end: int) -> list[str]:
        return [self.words.form(n) for n in range(start, end)]

    def span(self, start: int, end: int) -> Offsets | None:
        if start == end:
            return None
        return self.words.spans[start][0], self.words.spans[end - 1][1]


def find_differences(
    model: Scorer,
    left: str,
    right: str,
    *,
    prompts: tuple[str, str],
    options: MethodOptions,
    thesaurus: Thesaurus,
    check: bool,
) -> Differences:
    """Return where two texts differ; see ``Explainer.differences`` for the arguments."""
    cleaned = clean_text(left, side="left"), clean_text(right, side="right")
    texts = cleaned[0].text, cleaned[1].text
    for text, name in zip(texts, ("left", "right"), strict=True):
        if not text.strip():
            raise TextError(f"The {name} text is blank: give one with words.")
    first, second, score = _sides(model, *texts, prompts=prompts, options=options)
    pairs = _beside(first, second)
    found = [case for pair in pairs for case in _places(first, second, pair, thesaurus)]
    variants = [_with_left_words(first, second, case.place) if check else "" for case in found]
    known = KnownScores(
        model,
        prompts=prompts,
        long_text=options.reading,
        known={} if score is None else {texts: score},
    )
    known.ask([texts, *((texts[0], text) for text in variants if text.strip())])
    similarity = known[texts]
    return Differences(
        left=texts[0],
        right=texts[1],
        model=model.name,
        similarity=similarity,
        places=tuple(
            _measured(_judged(case), known[texts[0], text], similarity)
            if text.strip()
            else _judged(case)
            for case, text in zip(found, variants, strict=True)
        ),
        is_comparable=bool(pairs),
        warnings=cleaned[0].warnings + cleaned[1].warnings,
    )


def _measured(found: Difference, score: float, similarity: float) -> Difference:
    return replace(found, similarity=score, gain=score - similarity)


def _sides(
    model: Scorer, left: str, right: str, *, prompts: tuple[str, str], options: MethodOptions
) -> tuple[_Side, _Side, float | None]:
    """Return the words of both texts, with vectors by one pass where the model has such.

    Also the score, where the pass read the texts as the score does.
    """
    score = None
    if model.capabilities >= WITH_STATES:
        encoder = cast("Encoder", model)
        how: LongText = "error" if options.long_text == "error" else "windows"
        tokens = [
            encoder.tokenize([text], prompt=prompt, long_text=how)[0]
            for text, prompt in zip((left, right), prompts, strict=True)
        ]
        if refused := next((each for each in tokens if each.refusal), None):
            raise TextError(refused.refusal)
        done = encoder.run(
            [TokenPair(*tokens)],
            options=GradientOptions(),
            point=round(2 * encoder.depth / 3),
            gradient=False,
        )
        is_whole = all(len(each.rows) <= 1 for each in tokens)
        if options.reading == how or (options.reading == "truncate" and is_whole):
            score = float(done.similarity[0])
        states = [last for _, last in states_of(done, tokens)]
        words = words_of(left, tokens[0], states[0]), words_of(right, tokens[1], states[1])
    else:
        words = words_of(left, None, None), words_of(right, None, None)
    negated = negations_of(*([one.text[slice(*span)] for span in one.spans] for one in words))
    first, second = (
        _Side(own, found | _denying(own)) for own, found in zip(words, negated, strict=True)
    )
    return first, second, score


def _denying(words: TextWords) -> set[int]:
    """Return which words deny, in English: *refuse*, and *yet* of *has yet to*."""
    forms = [words.form(n) for n in range(len(words.spans))]
    return {
        n
        for n, form in enumerate(forms)
        if form in DENYING or (form == "yet" and forms[n + 1 : n + 2] == ["to"])
    }


def _beside(first: _Side, second: _Side) -> list[_Place]:
    """Return the sentences that are set beside each other, as ranges of words, in order.

    Two texts of one sentence each always are. Of several, those are that share most words with
    each other from both sides.
    """
    rows, columns = _sentences(first), _sentences(second)
    if len(rows) == len(columns) == 1:
        return [_Place(*rows[0], *columns[0])]
    shared = np.array([[_dice(first, second, row, column) for column in columns] for row in rows])
    if not shared.size:
        return []
    of_rows, of_columns = shared.argmax(axis=1), shared.argmax(axis=0)
    return [
        _Place(*rows[n], *columns[m])
        for n, m in enumerate(of_rows.tolist())
        if of_columns[m] == n and shared[n, m] >= SHARED
    ]


def _sentences(side: _Side) -> list[tuple[int, int]]:
    """Return the range of words of each sentence that has any."""
    starts = [start for start, _ in side.words.spans]
    found = np.searchsorted(starts, split_sentences(side.words.text)).tolist()
    return [(start, end) for start, end in found if start < end]


def _dice(first: _Side, second: _Side, row: tuple[int, int], column: tuple[int, int]) -> float:
    one, other = set(first.texts(*row)), set(second.texts(*column))
    return 2 * len(one & other) / (len(one) + len(other))


def _places(first: _Side, second: _Side, pair: _Place, thesaurus: Thesaurus) -> list["_Case"]:
    """Return where two sentences differ.

    Places with few equal words between them are one, but where each differs by itself, and each in
    another way.
    """
    matcher = SequenceMatcher(
        None,
        first.texts(pair.left, pair.left_end),
        second.texts(pair.right, pair.right_end),
        autojunk=False,
    )
    found: list[_Case] = []
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            continue
        now = _Place(pair.left + i, pair.left + j, pair.right + k, pair.right + m)
        case = _case(first, second, now, pair, thesaurus)
        if found and now.left - found[-1].place.left_end <= JOINED:
            last = found[-1]
            ways = _by_rule(last), _by_rule(case)
            if ways[0] == ways[1] or None in ways:
                whole = _Place(last.place.left, now.left_end, last.place.right, now.right_end)
                found[-1] = _case(first, second, whole, pair, thesaurus)
                continue
        found.append(case)
    return found


def _by_rule(case: "_Case") -> Kind | None:
    """Return the kind of a place that differs whatever the model says; None of any other."""
    for rule in (_denied, _other_number, _other_name):
        if (said := rule(case)) and said[0] != "reworded":
            return said[0]
    return None


Deciding = tuple[Sequence[int], Sequence[int]]
"""Words of the left text and of the right one that tell a kind."""

Said = tuple[Kind, Deciding]


@dataclass(frozen=True, eq=False)
class _Case:
    """A place that is to be judged.

    only: its content words that the other side of the place has not. likeness: of both spans.
    """

    first: _Side
    second: _Side
    place: _Place
    only: Deciding
    likeness: float | None
    thesaurus: Thesaurus

    @property
    def ranges(self) -> tuple[range, range]:
        """The words of the place, of either text."""
        place = self.place
        return range(place.left, place.left_end), range(place.right, place.right_end)

    def pair(self, related: Relation) -> Deciding | None:
        """Return the first two content words that are related; None where none are."""
        return self._related(*self.only, related)

    def opposed(self) -> Deciding | None:
        """Return the first two words that are opposites, *above* and *below* among them.

        A negation is none besides: *none* for *all* is one turn.
        """
        one, other = self.ranges
        forms = {self.first.words.form(n) for n in one}, {self.second.words.form(n) for n in other}
        return self._related(
            [
                n
                for n in one
                if n not in self.first.negations and self.first.words.form(n) not in forms[1]
            ],
            [
                n
                for n in other
                if n not in self.second.negations and self.second.words.form(n) not in forms[0]
            ],
            self.thesaurus.are_opposite,
        )

    def _related(
        self, ones: Sequence[int], others: Sequence[int], related: Relation
    ) -> Deciding | None:
        for n in ones:
            for m in others:
                if related(self.first.words.form(n), self.second.words.form(m)):
                    return [n], [m]
        return None


def _case(first: _Side, second: _Side, place: _Place, pair: _Place, thesaurus: Thesaurus) -> _Case:
    one, other = range(place.left, place.left_end), range(place.right, place.right_end)
    only = (
        _only(first, one, set(second.texts(place.right, place.right_end))),
        _only(second, other, set(first.texts(place.left, place.left_end))),
    )
    return _Case(first, second, place, only, _likeness(first, second, place, pair), thesaurus)


def _judged(case: _Case) -> Difference:
    """Return a place with its kind."""
    kind, deciding = next(said for rule in _RULES if (said := rule(case)))
    return Difference(
        kind,
        case.first.span(case.place.left, case.place.left_end),
        case.second.span(case.place.right, case.place.right_end),
        tuple(case.first.words.spans[n] for n in deciding[0]),
        tuple(case.second.words.spans[n] for n in deciding[1]),
        case.likeness,
    )


def _denied(case: _Case) -> Said | None:
    """Two turns say the same as none: *not bad*, *good*; *not used*, *unused*."""
    if not all(case.ranges) and any(case.only) and not _is_turn(case):
        return None
    sides = case.first, case.second
    left, right = (
        [n for n in words if n in side.negations]
        for words, side in zip(case.ranges, sides, strict=True)
    )
    negative = [
        any(_is_negative(side.words.form(n), case.thesaurus) for n in only)
        for side, only in zip(sides, case.only, strict=True)
    ]
    if len(left) > len(right):
        is_answered = negative[1] and not negative[0]
    else:
        is_answered = negative[0] and not negative[1] and len(left) < len(right)
    opposite, prefixed = case.opposed(), case.pair(_is_denied)
    turns = abs(len(left) - len(right)) + bool(opposite or prefixed or is_answered)
    if turns == 2 and max(map(len, case.only)) <= 1:
        return "reworded", case.only
    if turns % 2 == 0:
        return None
    if opposite and not prefixed:
        return "opposite", opposite
    if left or right or prefixed:
        return "negated", prefixed or (left, right)
    return None


def _is_turn(case: _Case) -> bool:
    """Return whether words of one side alone turn what follows: *by no means*, *never really*.

    A thing said besides is no turn: *, not heavy*.
    """
    side, words, only = max(
        zip((case.first, case.second), case.ranges, case.only, strict=True),
        key=lambda one: len(one[1]),
    )
    forms = {side.words.form(n) for n in words}
    return len(only) <= 1 and bool(side.negations & {*words}) and not forms & _JOINING


def _is_negative(word: str, thesaurus: Thesaurus) -> bool:
    """Return whether a word denies by its prefix or ending: *unused*, *careless*."""
    return word.endswith("less") or any(
        word.startswith(prefix) and thesaurus.knows(word.removeprefix(prefix))
        for prefix in NEGATIVE
    )


def _other_number(case: _Case) -> Said | None:
    """Where both sides have one; *two stars* and *a low rating* are left to the model."""
    left, right = (
        _numbers(side, words)
        for words, side in zip(case.ranges, (case.first, case.second), strict=True)
    )
    if not left or not right:
        return None
    if sorted(left.values()) != sorted(right.values()):
        return "number", (list(left), list(right))
    is_all = all(
        n in found or side.words.form(n) in _MULTIPLES
        for side, only, found in zip(
            (case.first, case.second), case.only, (left, right), strict=True
        )
        for n in only
    )
    return ("reworded", case.only) if is_all else None


def _other_name(case: _Case) -> Said | None:
    left, right = _names(case.first, case.only[0]), _names(case.second, case.only[1])
    names = [case.first.words.form(n) for n in left], [case.second.words.form(n) for n in right]
    if not left or not right or _are_initials(*names) or _are_initials(*names[::-1]):
        return None
    known = case.thesaurus
    if all(any(known.are_synonyms(one, other) for other in names[1]) for one in names[0]):
        return None
    return "name", (left, right)


def _are_initials(names: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether the first letters of several names are one of the others: *EU*."""
    return len(names) > 1 and "".join(name[0] for name in names) in others


def _on_one_side(case: _Case) -> Said | None:
    """A word or two before a word that both have make it more exact: *red wine*, *wine*."""
    only = case.only
    if only[0] and only[1]:
        return None
    if not only[0] and not only[1]:
        return "reworded", only
    if case.likeness is not None and case.likeness >= ALIKE:
        return "reworded", only
    if len(only[0]) + len(only[1]) <= MODIFIERS and _is_modifier(case):
        return ("more general" if only[0] else "more specific"), only
    return ("missing" if only[0] else "added"), only


def _is_modifier(case: _Case) -> bool:
    """Return whether both texts go on with the same content word."""
    ends = case.place.left_end, case.place.right_end
    sides = case.first, case.second
    if any(end >= len(side.words.spans) for end, side in zip(ends, sides, strict=True)):
        return False
    return ends[0] in case.first.words.content and (
        case.first.words.form(ends[0]) == case.second.words.form(ends[1])
    )


def _same_meaning(case: _Case) -> Said | None:
    """By the model, and by synonyms; by these alone where it has no vectors of words."""
    first, second, place = case.first, case.second, case.place
    covered = [
        any(case.thesaurus.are_synonyms(one, other) for other in others)
        for words, side, others in (
            (case.only[0], first, second.texts(place.right, place.right_end)),
            (case.only[1], second, first.texts(place.left, place.left_end)),
        )
        for one in map(side.words.form, words)
    ]
    if case.likeness is None:
        is_same = all(covered)
    else:
        is_same = case.likeness + SYNONYMS * float(np.mean(covered)) >= ALIKE
    return ("reworded", case.only) if is_same else None


def _other_kind_of_thing(case: _Case) -> Said | None:
    is_broader = case.thesaurus.is_broader
    if found := case.pair(lambda one, other: is_broader(other, one)):
        return "more general", found
    if found := case.pair(is_broader):
        return "more specific", found
    return None


def _other_words(case: _Case) -> Said | None:
    return "other words", case.only


_RULES: tuple[Callable[[_Case], Said | None], ...] = (
    _denied,
    _other_number,
    _other_name,
    _on_one_side,
    _same_meaning,
    _other_kind_of_thing,
    _other_words,
)
"""The first that holds says the kind."""

MODIFIERS = 2
"""Words before a word that both texts have, at most, that make it more exact."""


def _only(side: _Side, words: range, others: set[str]) -> list[int]:
    """Return the content words of a place that its other side has not, negations left out."""
    return [
        n
        for n in words
        if n in side.words.content and n not in side.negations and side.words.form(n) not in others
    ]


def _is_denied(one: str, other: str) -> bool:
    """Return whether one word is the other with a negative prefix, or ends in *less*."""
    short, long = sorted((one, other), key=len)
    if len(short) < SHORTEST_BASE:
        return False
    stem = short.removesuffix("ful")
    return any(long == prefix + short for prefix in NEGATIVE) or (
        long == stem + "less" or (short.endswith("less") and long == short[:-4] + "ful")
    )


def _numbers(side: _Side, words: range) -> dict[int, str]:
    """Return numbers and dates by the index of their first word, in one form.

    "1,000" is "1000", and so is "one thousand"; "3rd" is "3.", and so is "third".
    """
    found: dict[int, str] = {}
    last = -1
    for n in words:
        word = side.words.form(n)
        if word in _MULTIPLES and last >= 0 and found[last].isdecimal():
            found[last] = str(int(found[last]) * _MULTIPLES[word])
            continue
        last = -1
        if _DIGITS.search(word):
            found[n] = _ORDINAL.sub(".", _COMMAS.sub("", word))
            last = n
        elif word in _NUMBERS:
            found[n] = _NUMBERS[word]
            last = n
        elif word in _DATES and side.words.text[side.words.spans[n][0]].isupper():
            found[n] = word
    return found


def _names(side: _Side, words: Sequence[int]) -> list[int]:
    """Return which words are written as names are.

    With a capital, and not first of a sentence or with one within: *Leeds*, *iOS*.
    """
    firsts = {start for start, _ in _sentences(side)}
    found = []
    for n in words:
        start, end = side.words.spans[n]
        if any(letter.isupper() for letter in side.words.text[start + (n in firsts) : end]):
            found.append(n)
    return found


def _likeness(first: _Side, second: _Side, place: _Place, pair: _Place) -> float | None:
    """Return how alike the vectors of two spans are: 0 as the mean pair of words, 1 for equal."""
    one, other = first.words.vectors, second.words.vectors
    if one is None or other is None or not (place.left_end > place.left):
        return None
    if not place.right_end > place.right:
        return None
    usual = float(
        np.mean(
            _units(one[pair.left : pair.left_end]) @ _units(other[pair.right : pair.right_end]).T
        )
    )
    cosine = float(
        _units(one[place.left : place.left_end].mean(axis=0))
        @ _units(other[place.right : place.right_end].mean(axis=0))
    )
    return (cosine - usual) / max(1 - usual, LEAST_SPREAD)


LEAST_SPREAD = 1e-6


def _units(vectors: Floats) -> Floats:
    return comparable(vectors, function="cosine")


def _with_left_words(first: _Side, second: _Side, place: _Place) -> str:
    """Return the right text with the left one's words in a place of it."""
    text, spans = second.words.text, second.words.spans
    said = first.span(place.left, place.left_end)
    words = "" if said is None else first.words.text[slice(*said)]
    if place.right == place.right_end:
        if place.right == len(spans):
            at = spans[-1][1] if spans else len(text)
            return f"{text[:at]} {words}{text[at:]}"
        at = spans[place.right][0]
        return f"{text[:at]}{words} {text[at:]}"
    start, end = spans[place.right][0], spans[place.right_end - 1][1]
    if words:
        return f"{text[:start]}{words}{text[end:]}"
    kept = [not place.right <= n < place.right_end for n in range(len(spans))]
    return keep_words(text, spans, kept) if any(kept) else ""
