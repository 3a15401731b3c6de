"""A word that means the opposite, in the place of one."""

from collections.abc import Iterator, Sequence

from whyalike.probing.edits import register_rule
from whyalike.probing.rule_text import Replacement, RuleText, word_set

DETERMINERS = word_set("a an the this that these those my your his her its our their no")
PREPOSITIONS = word_set("in of from against with for at by on under into")


# More, most and their like go with long adjectives only; "to" makes verbs of some.
NOT_AFTER = word_set("more most less least not how to")


@register_rule(
    "antonyms",
    changes_meaning=True,
    summary="a word that means the opposite",
    example="A warm and quiet room. → A warm and noisy room.",
)
def antonyms(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Put a word's opposite in its place, where the text does not say that too."""
    known = text.words.replacements("antonyms")
    for first, last, phrase in text.phrases(tuple(known)):
        if text.before(first) in NOT_AFTER or _measures(text, first):
            continue
        if _stands_as_noun(text, first, last):
            continue
        others = [new for new in known[phrase] if not text.has_word(new)]
        if others:
            yield text.replace(first, last, text.rng.choice(others))


def _measures(text: RuleText, n: int) -> bool:
    """Return whether the word belongs to a measure: six years old, 2 m high."""
    before = text.before(n)
    units = text.words.replacements("units")
    return (
        before in units or before.rstrip("s") in units or before[:1].isdigit() or before == "year"
    )


def _stands_as_noun(text: RuleText, first: int, last: int) -> bool:
    """Return whether the word is what a determiner or preposition speaks of: in the cold."""
    if text.before(first) not in DETERMINERS | PREPOSITIONS:
        return False
    after = text.after(last - 1)
    return not after or not after[0].isalnum() or after in text.words.words("function_words")
