"""Values of any reader as texts and as plain metadata."""

import json
import math
import re
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal

from whyalike.catalogue.item import Plain
from whyalike.errors import FormatError

# No leading zero and few digits: "00123" and long codes are names, which a number would change.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")


def as_text(value: object, *, role: str) -> str:
    """Return a title, a description or an id as text, ``""`` for none; texts of a list in lines.

    Raises:
        FormatError: it is neither text nor number.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "\n".join(part.strip() for part in value).strip()
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise FormatError(f"the {role} is no text, but a {type(value).__name__}")
    if isinstance(value, int):
        return str(value)
    # A number that was read as 12.0 because others in its column are missing.
    return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)


def number_or_text(value: str, *, decimal_comma: bool = False) -> Plain:
    """Return what a text file says of an item: a number, a text, or None for nothing."""
    text = value.strip()
    if not text:
        return None
    number = text.replace(",", ".") if decimal_comma else text
    if _NUMBER.fullmatch(number):
        return float(number) if "." in number else int(number)
    return text


def plain(value: object) -> Plain:
    """Return a typed value as JSON can hold it: dates as text, lists and mappings as JSON text.

    Raises:
        FormatError: lists in lists, and no end of it.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        # Beyond 64 bits no data base holds it.
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | tuple | Mapping):
        try:
            return json.dumps(value, ensure_ascii=False, default=str)
        except RecursionError as error:
            raise FormatError("lists or objects that are nested too deep") from error
    return str(value)
