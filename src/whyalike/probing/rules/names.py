"""Who did what to whom, the other way round: the same words in another order."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from whyalike.probing.edits import register_rule
from whyalike.probing.rule_text import Replacement, RuleText, match_case

ARTICLES = frozenset(("the", "a", "an"))


# "from X to Y", "X before Y": not verbs, but as little the same both ways.
ORDERING = (("from", "to"),)
NEAR = 4


@register_rule(
    "swapped_names",
    changes_meaning=True,
    summary="two names change places around a verb, or in from … to …",
    example="Alice called Tom. → Tom called Alice.",
)
def swapped_names(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Let two names change places where their order says who acts, or which way it goes."""
    verbs = frozenset(text.words.words("asymmetric_verbs"))
    names = list(_find_names(text))
    for (a, a_end), (b, b_end) in pairwise(names):
        between = [text.tokens[n].lower for n in range(a_end, b)]
        same = text.tokens[a].sentence == text.tokens[b].sentence
        if not same or text.is_question(a) or len(between) > NEAR or _more_follows(text, a, b_end):
            continue
        way = (text.before(a), between[0] if len(between) == 1 else "") in ORDERING
        acts = len(between) == 1 and between[0] in verbs and text.before(a) not in ("and", "by")
        if way or acts:
            found = _swap(text, (a, a_end), (b, b_end))
            if found[0][2] != found[1][2]:
                yield found


@register_rule(
    "swapped_roles",
    changes_meaning=True,
    summary="who does it and who it is done to change places",
    example="The dog bit the man. → The man bit the dog.",
)
def swapped_roles(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Let subject and object change places: article noun verb article noun, and nothing more."""
    verbs = frozenset(text.words.words("asymmetric_verbs"))
    function = frozenset(text.words.words("function_words"))
    for n in range(len(text.tokens) - 4):
        sentence = text.tokens[n].sentence
        first, one, verb, second, other = (text.at(n + k, sentence=sentence) for k in range(5))
        if first not in ARTICLES or second not in ARTICLES or verb not in verbs:
            continue
        if text.before(n) or one == other or not all(map(text.is_free, (n + 1, n + 4))):
            continue
        nouns = all(word.isalpha() and word not in function for word in (one, other))
        after = text.after(n + 4)
        if nouns and (not after or after in ".!,;" or after in ("in", "on", "at", "last")):
            yield _swap(text, (n, n + 2), (n + 3, n + 5))


def _swap(text: RuleText, one: tuple[int, int], other: tuple[int, int]) -> list[Replacement]:
    """Return what makes two runs of words change places; capitals at the start stay there."""
    spans = [(text.tokens[a].start, text.tokens[b - 1].end) for a, b in (one, other)]
    first, second = (text.text[start:end] for start, end in spans)
    if text.tokens[one[0]].lower in ARTICLES:
        second = match_case(second, first)
        first = first[:1].lower() + first[1:]
    return [(*spans[0], second), (*spans[1], first)]


def _find_names(text: RuleText) -> Iterator[tuple[int, int]]:
    """Yield (first, last + 1) of each run of capitalised words that is surely a name."""
    known = frozenset(text.words.words("first_names"))
    n = 0
    while n < len(text.tokens):
        end = n
        while end < len(text.tokens) and _is_capitalised(text, end, start=n):
            end += 1
        starts = end > n and not text.before(n)
        if end > n and (not starts or text.tokens[n].text in known):
            yield n, end
        n = max(end, n + 1)


def _is_capitalised(text: RuleText, n: int, *, start: int) -> bool:
    token = text.tokens[n]
    word = token.text
    plain = word.isalpha() and word[:1].isupper() and not word.isupper()
    function = token.lower in text.words.words("function_words")
    return plain and not function and token.sentence == text.tokens[start].sentence


def _more_follows(text: RuleText, first: int, end: int) -> bool:
    """Return whether a name is only part of what acts, or of what it is done to."""
    beside = (text.before(first), text.after(end - 1))
    return bool({"and", "or", "&", "of", "'s"} & set(beside)) or beside[1][:1].isdigit()
