"""Two things joined by and, the other way round: harmless."""

from collections.abc import Iterator, Sequence

from whyalike.probing.edits import register_rule
from whyalike.probing.rule_text import Replacement, RuleText, word_set

OPENING = word_set("of with in for from both is are was were by between without")
CLOSING = frozenset(".,;:!)")
SHORTEST = 3


@register_rule(
    "conjuncts",
    changes_meaning=False,
    summary="a and b → b and a, where both stand alone",
    example="It is warm and soft. → It is soft and warm.",
)
def conjuncts(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Let two single words around "and" change places.

    Only between a word such as "of" or "is" and a mark or the end, so that neither word can have
    more words of its own that would have to move along.
    """
    for n, token in enumerate(text.tokens):
        if token.lower not in ("and", "or") or n == 0 or n + 1 >= len(text.tokens):
            continue
        one, other = text.tokens[n - 1], text.tokens[n + 1]
        if one.sentence != other.sentence or not _alone(text, n):
            continue
        if _may_move(text, n - 1) and _may_move(text, n + 1) and one.lower != other.lower:
            yield [(one.start, one.end, other.text), (other.start, other.end, one.text)]


def _alone(text: RuleText, n: int) -> bool:
    """Return whether the two words around the conjunction stand alone on their outer sides."""
    sentence = text.tokens[n].sentence
    before, after = text.at(n - 2, sentence=sentence), text.at(n + 2, sentence=sentence)
    return before in OPENING and (not after or after in CLOSING)


def _may_move(text: RuleText, n: int) -> bool:
    """Return whether the word is no function word, and no verb, whose order may be that of time."""
    token = text.tokens[n]
    plain = token.text.replace("-", "").isalpha() and token.text.islower()
    timed = token.lower.endswith(("ing", "ed")) or token.lower in text.words.words("base_verbs")
    function = token.lower in text.words.words("function_words")
    return plain and text.is_free(n) and not timed and not function and len(token.text) >= SHORTEST
