"""Another word or spelling for the same: harmless."""

from collections.abc import Iterator, Sequence

from whyalike.probing.edits import register_rule
from whyalike.probing.rule_text import Replacement, RuleText, word_set

NOT_AFTER = word_set("more most less least how")


@register_rule(
    "synonyms",
    changes_meaning=False,
    summary="a word or phrase that means the same",
    example="We sat on the couch. → We sat on the sofa.",
)
def synonyms(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Put another word for the same in a word's place, where the text does not have it yet."""
    known = text.words.replacements("synonyms")
    for first, last, phrase in text.phrases(tuple(known)):
        if text.before(first) not in NOT_AFTER:
            yield from _exchange(text, first, last, known[phrase])


@register_rule(
    "spelling",
    changes_meaning=False,
    summary="the other of two spellings, British or American",
    example="The colour is grey. → The color is grey.",
)
def spelling(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Spell a word in its other way."""
    known = text.words.replacements("spelling")
    for first, last, phrase in text.phrases(tuple(known)):
        yield from _exchange(text, first, last, known[phrase])


def _exchange(
    text: RuleText, first: int, last: int, choice: Sequence[str]
) -> Iterator[Sequence[Replacement]]:
    others = [new for new in choice if not text.has_word(new)]
    if others:
        yield text.replace(first, last, text.rng.choice(others))
