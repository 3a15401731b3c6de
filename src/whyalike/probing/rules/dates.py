"""Another month, weekday or year."""

import re
from collections.abc import Iterator, Sequence

from whyalike.probing.edits import register_rule
from whyalike.probing.rule_text import Replacement, RuleText, word_set

# Months that are names, verbs or adjectives too are dates only behind these, or beside a number.
UNSURE = frozenset(("march", "may", "april", "june", "august"))

DATES_FOLLOW = word_set(
    "in on of by until till since from before after every each last next early late mid to"
)


# Black Friday is no day of the week.
NOT_DAYS = ("black", "good", "easter", "cyber", "ash")
LONG_MONTHS = (0, 2, 4, 6, 7, 9, 11)
_YEAR = re.compile(r"(1[5-9]|20)\d\d")
EARLIEST, LATEST = 1500, 2099


@register_rule(
    "dates",
    changes_meaning=True,
    summary="another month, weekday or year",
    example="Open until 12 March 2024. → Open until 12 August 2024.",
)
def dates(text: RuleText) -> Iterator[Sequence[Replacement]]:
    """Change a month, a weekday or a year to another that the text does not name."""
    months, weekdays = text.words.words("months"), text.words.words("weekdays")
    for n, token in enumerate(text.tokens):
        if _YEAR.fullmatch(token.text) and text.is_free(n):
            if text.before(n) not in ("$", "€", "£", "#", "no", "number"):
                yield [(token.start, token.end, _other_year(text, int(token.text)))]
        elif token.text in months and _is_a_month(text, n):
            choice = _months_for(months, _days_beside(text, n))
            yield from _swap(text, n, token.text, choice)
        elif token.text in weekdays and text.before(n) not in NOT_DAYS:
            yield from _swap(text, n, token.text, weekdays)


def _swap(
    text: RuleText, n: int, old: str, known: Sequence[str]
) -> Iterator[Sequence[Replacement]]:
    others = [word for word in known if word != old and not text.has_word(word.lower())]
    if others:
        token = text.tokens[n]
        yield [(token.start, token.end, text.rng.choice(others))]


def _other_year(text: RuleText, year: int) -> str:
    """Return a year 3 to 9 before or after."""
    distance = text.rng.choice((-1, 1)) * text.rng.randint(3, 9)
    return str(year + distance if EARLIEST <= year + distance <= LATEST else year - distance)


def _is_a_month(text: RuleText, n: int) -> bool:
    token = text.tokens[n]
    if token.lower not in UNSURE:
        return True
    beside = (text.before(n), text.after(n))
    return beside[0] in DATES_FOLLOW or any(word[:1].isdigit() for word in beside)


def _days_beside(text: RuleText, n: int) -> int:
    """Return the day of the month that stands beside it; 0 where there is none."""
    days = [int(word) for word in (text.before(n), text.after(n)) if word.isdecimal()]
    return max((day for day in days if day <= 31), default=0)


def _months_for(months: Sequence[str], day: int) -> Sequence[str]:
    """Return the months that have that day."""
    if day <= 28:
        return months
    return [months[place] for place in LONG_MONTHS if place < len(months)]
