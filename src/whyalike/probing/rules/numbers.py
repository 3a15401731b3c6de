"""Another number in the place of one."""

import re
from collections.abc import Iterator, Sequence

from whyalike.probing.edits import register_rule
from whyalike.probing.rule_text import Replacement, RuleText, article_for, match_case, word_set

_NUMBER = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?")
_YEAR = re.compile(r"(1\d|20)\d\d")
FACTORS = (2, 3, 4, 0.5)


# What belongs to a name or a fixed number: Route 66, page 12, size 8 of a list.
NAMED_BY = word_set("no number route page chapter figure table section version room")


@register_rule(
    "numbers",
    changes_meaning=True,
    summary="another number, in digits or in words",
    example="It takes 30 minutes. → It takes 90 minutes.",
)
def numbers(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Change a number to another of its kind: of as many decimals, and never from or to one.

    Years and days are left to ``dates``; codes, times, fractions and ranges are left alone.
    """
    words = text.words.words("number_words")
    glued = re.compile(rf"({_NUMBER.pattern})({'|'.join(_glued_units(text)) or 'kg'})")
    for n, token in enumerate(text.tokens):
        if not text.is_free(n) or text.before(n) in NAMED_BY or _is_of_a_date(text, n):
            continue
        if match := _NUMBER.fullmatch(token.text) or glued.fullmatch(token.lower):
            said = match[0] if match.re is _NUMBER else match[1]
            bare_year = _YEAR.fullmatch(said) and text.before(n) not in ("$", "€", "£")
            percent = text.after(n) in ("%", "percent")
            article = text.before(n) if text.before(n) in ("a", "an") else None
            most = 100 if percent else None
            new = None if bare_year else _another(text, said, most=most, article=article)
            if new is not None:
                yield [(token.start, token.start + len(said), new)]
        elif token.lower in words and not _number_beside(text, n, words):
            others = [word for word in words if not text.has_word(word)]
            if others:
                yield text.replace(n, n + 1, match_case(text.rng.choice(others), token.text))


def _another(text: RuleText, said: str, *, most: float | None, article: str | None) -> str | None:
    """Return another number written in the same way, or None where there is none."""
    decimals = len(said.partition(".")[2])
    value = float(said.replace(",", ""))
    if value in (0, 1) or (said.startswith("0") and decimals == 0):
        return None
    found = []
    for factor in FACTORS:
        new = value * factor
        whole = decimals > 0 or new == int(new)
        written = f"{new:,.{decimals}f}" if "," in said else f"{new:.{decimals}f}"
        # 1 would ask for a singular; a rounded number may be the old one.
        good = whole and float(written.replace(",", "")) not in (0, 1, value)
        fits = article is None or article_for(written) == article
        possible = most is None or value > most or new <= most
        if good and fits and possible and not text.has_word(written):
            found.append(written)
    return text.rng.choice(found) if found else None


def _number_beside(text: RuleText, n: int, words: Sequence[str]) -> bool:
    beside = {text.before(n), text.after(n)}
    more = word_set("and or a hundred thousand million half quarter quarters third thirds fifths")
    return bool(beside & {*words, *more}) or any(word.isdigit() for word in beside)


def _is_of_a_date(text: RuleText, n: int) -> bool:
    months = {month.lower() for month in text.words.words("months")}
    return bool({text.before(n), text.after(n)} & months)


def _glued_units(text: RuleText) -> list[str]:
    units = text.words.replacements("units")
    return sorted((re.escape(unit) for unit in units if " " not in unit), key=len, reverse=True)
