"""Another unit behind the same number."""

import re
from collections.abc import Iterator, Sequence

from whyalike.probing.edits import register_rule
from whyalike.probing.rule_text import Replacement, RuleText

_NUMBER = re.compile(r"\d[\d.,]*")
_GLUED = re.compile(r"(\d[\d.,]*)([a-z/]+)")
CURRENCIES = {"$": ("€", "£"), "€": ("$", "£"), "£": ("$", "€")}


@register_rule(
    "units",
    changes_meaning=True,
    summary="another unit, or another currency, with the same number",
    example="A bag of 5 kg. → A bag of 5 g.",
)
def units(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Change the unit behind a number greater than one, or the currency before a number."""
    known = text.words.replacements("units")
    numbers = frozenset(text.words.words("number_words"))
    for first, last, phrase in text.phrases(tuple(known)):
        before = text.before(first)
        if before in numbers or (_NUMBER.fullmatch(before) and float_of(before) > 1):
            new = text.rng.choice(known[phrase])
            yield [(text.tokens[first].start, text.tokens[last - 1].end, new)]
    for n, token in enumerate(text.tokens):
        match = _GLUED.fullmatch(token.lower)
        if match and match[2] in known and text.is_free(n) and float_of(match[1]) > 1:
            new = text.rng.choice(known[match[2]])
            yield [(token.start + len(match[1]), token.end, new)]
        elif token.text in CURRENCIES and text.text[token.end : token.end + 1].isdigit():
            yield [(token.start, token.end, text.rng.choice(CURRENCIES[token.text]))]


def float_of(written: str) -> float:
    """Return a number as written in English; 0 where it is none."""
    try:
        return float(written.replace(",", "").rstrip("."))
    except ValueError:
        return 0.0
