"""Checks that many options share, so that all of them say the same."""

from collections.abc import Sequence

from whyalike.errors import OptionError


def check_choice(name: str, value: object, allowed: Sequence[str]) -> None:
    """Raise OptionError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise OptionError(f"{name} is {value!r}; allowed: {', '.join(map(repr, allowed))}.")


def check_whole(name: str, value: object, *, least: int = 1) -> None:
    """Raise OptionError unless ``value`` is a whole number from ``least`` on."""
    if type(value) is not int or value < least:
        raise OptionError(f"{name} is {value!r}; give a whole number from {least} on.")
