"""When a call is made again: which errors pass by themselves, and how long to wait for that."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from whyalike.errors import OptionError
from whyalike.interruption import checkpoint
from whyalike.options import check_whole

PASSING_STATUS = frozenset({408, 409, 425, 429})
"""Of HTTP, besides those of the server (500 and more): timeouts, conflicts, too many requests."""

PASSING_ERRORS = frozenset(
    {
        "TimeoutError",
        "ConnectionError",
        # requests, httpx, and the packages of services, whose errors are no built-in ones.
        "Timeout",
        "TimeoutException",
        "NetworkError",
        "RemoteProtocolError",
        "APIConnectionError",
    }
)

SLICE = 0.1
"""Seconds that are waited at once, before it is looked whether the work is still wanted."""


def is_passing(error: BaseException) -> bool:
    """Return whether an error says that the same call may succeed later.

    That is an HTTP status of 408, 409, 425, 429 or of 500 and more, which the error or its response
    has; where there is none, a time to ask again (``retry_after``), a timeout, or a connection that
    failed. A status that is another one says that it does not pass.
    """
    if (status := _status_of(error)) is not None:
        return status in PASSING_STATUS or status >= 500
    if seconds_asked(error) is not None:
        return True
    if any(kind.__name__ in PASSING_ERRORS for kind in type(error).__mro__):
        return True
    reason = getattr(error, "reason", None)  # As urllib has it.
    return isinstance(reason, BaseException) and reason is not error and is_passing(reason)


def _status_of(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    for holder in (error, response):
        for name in ("status_code", "status", "code"):
            value = getattr(holder, name, None)
            if isinstance(value, int) and 100 <= value < 600:
                return int(value)
    if isinstance(response, dict):  # As boto3 has it.
        value = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return value if isinstance(value, int) else None
    return None


def seconds_asked(error: BaseException) -> float | None:
    """Return after how many seconds an error says to ask again; None where it does not say."""
    said = getattr(error, "retry_after", None)
    for holder in (error, getattr(error, "response", None)):
        get = getattr(getattr(holder, "headers", None), "get", None)
        if said is None and callable(get):
            said = get("retry-after") or get("Retry-After")
    seconds = _seconds(said) if isinstance(said, str) else said
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        return None
    return float(seconds)


def _seconds(said: str) -> float | None:
    """Return seconds, or those until a date of HTTP."""
    try:
        return float(said)
    except ValueError:
        return _seconds_until(said)


def _seconds_until(date: str) -> float | None:
    """Return the seconds until a date of HTTP."""
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    now = datetime.now(UTC)
    return max(0.0, (then - (now if then.tzinfo else now.replace(tzinfo=None))).total_seconds())


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """How often a call that failed is made again, and after how long.

    Parameters
    ----------
    tries : int, default=4
        The most calls for the same texts, the first one included; 1 makes none again.
    wait : float, default=1.0
        Seconds before the second try; twice as many before each further one, or as many as the
        error asks for, where that is more.
    longest_wait : float, default=60.0
        Seconds. Where an error asks for more, the call is not made again.
    passing : callable, default=is_passing
        From what the function raised to whether it may pass by itself.

    Raises
    ------
    OptionError
        A number that is not allowed.
    """

    tries: int = 4
    wait: float = 1.0
    longest_wait: float = 60.0
    passing: Callable[[Exception], bool] = is_passing

    def __post_init__(self) -> None:
        check_whole("tries", self.tries)
        for name in ("wait", "longest_wait"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value < float("inf"):
                raise OptionError(f"{name} is {value!r}; give seconds, 0 or more.")
        if not callable(self.passing):
            raise OptionError(
                f"passing is of type {type(self.passing).__name__}; give a function from an error "
                "to whether it may pass by itself."
            )

    def seconds_before(self, tried: int, error: Exception) -> float | None:
        """Return how long to wait after so many tries; None where no further one is made."""
        if tried >= self.tries or not self.passing(error):
            return None
        asked = seconds_asked(error) or 0.0
        if asked > self.longest_wait:
            return None
        return max(asked, min(self.wait * 2.0 ** min(tried - 1, 60), self.longest_wait))


def pause(seconds: float) -> None:
    """Wait, unless a checkpoint or Ctrl-C ends it."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        checkpoint()
        time.sleep(min(left, SLICE))
