"""Drawn together or written out: harmless."""

from collections.abc import Iterator, Sequence

from whyalike.probing.edits import register_rule
from whyalike.probing.rule_text import Replacement, RuleText, match_case, word_set

PRONOUNS = word_set("i you he she it we they")


# "better than it is now" can't be drawn together, and "that" of "of that is" is no subject.
NOT_AFTER = word_set("as than what how where who why whether of in on at by for from with to")


@register_rule(
    "contractions",
    changes_meaning=False,
    summary="do not → don't, and back",
    example="Do not tumble dry. → Don't tumble dry.",
)
def contractions(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Draw two words together or write them out, where a word follows and nothing is asked."""
    short = text.words.replacements("contractions")
    for first, last, phrase in text.phrases(tuple(short)):
        after = text.after(last - 1)
        if not after.isalpha() or text.is_question(first):
            continue
        if text.before(first) in NOT_AFTER or after in PRONOUNS or after in ("only", "just"):
            continue
        start, end = text.tokens[first].start, text.tokens[last - 1].end
        new = match_case(short[phrase][0], text.text[start:end])
        new = "I" + new[1:] if new.startswith(("i'", "i ")) else new
        yield [(start, end, new)]
