"""What a text says besides its letters: an amount of money, a yes or no, a date.

A file of texts says "$9.00", "true" and "1 May 2024". The text stays what it is; beside it stands a
value that can be compared.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Literal

Kind = Literal["text", "number", "boolean", "date"]

_SIGNS = r"[$€£¥₹₩₽₺₴₫฿]"
_CODES = (
    "USD|EUR|GBP|JPY|CNY|RMB|INR|CHF|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON|BRL|MXN|ZAR|TRY|SGD|"
    "HKD|KRW|THB|kr|zł|Kč|Fr\\.?|Rs\\.?"
)
_CURRENCY = rf"(?:(?:US|CA|AU|NZ|HK|C|A|R)?{_SIGNS}|{_CODES})"
_AMOUNT = r"-?[0-9]{1,3}(?:[ \u00a0\u202f.,'’][0-9]{3})+(?:[.,][0-9]{1,2})?|-?[0-9]+(?:[.,][0-9]+)?"
_MONEY = re.compile(
    rf"(?:{_CURRENCY}\s?(?P<after>{_AMOUNT})(?:\s?{_CURRENCY})?|(?P<before>{_AMOUNT})\s?{_CURRENCY})"
)
_GROUPED = re.compile(
    r"-?[0-9]{1,3}(?:(,)[0-9]{3}(?:,[0-9]{3})*\.|(\.)[0-9]{3}(?:\.[0-9]{3})*,)[0-9]+"
)
"""With two signs it is clear which is of thousands and which of decimals."""

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}.*)?")
_FORMS = ("%Y/%m/%d", "%d.%m.%Y", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%b %d %Y")
_DATE_LIKE = re.compile(
    r"[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}|[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}|"
    r"(?=.*[A-Za-z]{3})[A-Za-z0-9]{1,9} [A-Za-z0-9]{1,9},? [0-9]{4}"
)
_MONTHS = re.compile("jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec", re.IGNORECASE)
_SLASHED = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
LONGEST = 40
"""Characters; a longer text is none of these."""


def readings(text: str) -> Iterator[tuple[Kind, float | bool | str]]:
    """Yield what stands beside a text: its kind and value; mostly nothing.

    ``true`` and ``false`` are booleans. An amount of money is a number: of "1.299" and "1,299" the
    sign is of thousands, of "12,50" of decimals. A date becomes ``YYYY-MM-DD``; one that may be
    either of two, such as 05/01/2024, is none.
    """
    said = text.strip()
    if not said or len(said) > LONGEST:
        return
    if said.lower() in ("true", "false"):
        yield "boolean", said.lower() == "true"
    elif (amount := money(said)) is not None:
        yield "number", amount
    elif (day := iso_date(said)) is not None:
        yield "date", day


def money(text: str) -> float | None:
    """Return an amount of money, or a number whose signs are clear; None for others."""
    match = _MONEY.fullmatch(text)
    if match is None:
        return _amount(text) if _GROUPED.fullmatch(text) else None
    return _amount(match["after"] or match["before"])


def _amount(written: str) -> float:
    digits = re.sub(r"[ \u00a0\u202f'’]", "", written)
    last = max(digits.rfind(","), digits.rfind("."))
    if last < 0:
        return float(digits)
    sign, decimals = digits[last], len(digits) - last - 1
    both = "," in digits and "." in digits
    # "1,299" are thousands, "12,50" and "0.125" are not.
    if not both and (digits.count(sign) > 1 or (decimals == 3 and digits.lstrip("-")[0] != "0")):
        return float(digits.replace(sign, ""))
    whole = re.sub("[.,]", "", digits[:last])
    return float(f"{whole}.{digits[last + 1 :]}")


def iso_date(text: str) -> str | None:
    """Return a date as ``YYYY-MM-DD``, with its time where it has one; None for what is none."""
    if _ISO_DATE.fullmatch(text):
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            return None
        return text[:10] if len(text) == 10 else found.isoformat()
    if match := _SLASHED.fullmatch(text):
        first, second, year = map(int, match.groups())
        # Americans write the month first: where both could be one, nobody knows.
        month, day = (second, first) if first > 12 else (first, second)
        is_clear = first > 12 or second > 12 or first == second
        return _made(year, month, day) if is_clear else None
    if not _DATE_LIKE.fullmatch(text) or (text[-5] == " " and not _MONTHS.search(text)):
        return None
    for form in _FORMS:
        try:
            return datetime.strptime(text, form).date().isoformat()
        except ValueError:
            continue
    return None


def _made(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
