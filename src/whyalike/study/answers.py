"""An answer on its way into the database, checked before it gets there."""

from dataclasses import dataclass, replace
from datetime import datetime

from whyalike.errors import OptionError
from whyalike.study.model import HIGHEST, LOWEST
from whyalike.texts import without_surrogates

COMMENT_LENGTH, KEY_LENGTH, LAST_POSITION = 2000, 100, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of a rater.

    position: on which screen, from 0.
    stimulus_id: what stood there.
    value: 1 to 5.
    client_key: a name that the client gives to the answer, another for each; an answer that is
        sent twice under one key is kept once.
    comment: the rater's own words; what is beyond 2,000 characters is refused.
    shown_at, answered_at: by the caller's clock (the server's, in the app), with a time zone; None
        where unknown.
    """

    position: int
    stimulus_id: str
    value: int
    client_key: str
    comment: str = ""
    shown_at: datetime | None = None
    answered_at: datetime | None = None


def checked(answer: Answer) -> Answer:
    """Return the answer as it can be stored: no database takes NUL or half a character.

    Raises:
        OptionError: a value, position, key or comment that is not allowed.
    """
    for name, value, low, high in (
        ("value", answer.value, LOWEST, HIGHEST),
        ("position", answer.position, 0, LAST_POSITION),
    ):
        if type(value) is not int or not low <= value <= high:
            raise OptionError(f"{name} is {value!r}; give a whole number from {low} to {high}.")
    for name, text, most in (
        ("client_key", answer.client_key, KEY_LENGTH),
        ("stimulus_id", answer.stimulus_id, KEY_LENGTH),
    ):
        if not isinstance(text, str) or not 0 < len(text) <= most or not text.isprintable():
            raise OptionError(f"{name} is {text!r:.60}; give 1 to {most} printable characters.")
    if not isinstance(answer.comment, str) or len(answer.comment) > COMMENT_LENGTH:
        raise OptionError(f"A comment is a text of at most {COMMENT_LENGTH:,} characters.")
    for name, moment in (("shown_at", answer.shown_at), ("answered_at", answer.answered_at)):
        if moment is not None and moment.tzinfo is None:
            raise OptionError(f"{name} has no time zone: give one, such as UTC.")
    return replace(answer, comment=storable(answer.comment))


def storable(text: str) -> str:
    """Return the text with U+FFFD for what a database refuses."""
    return without_surrogates(text.replace("\0", "\N{REPLACEMENT CHARACTER}"))
