"""Errors by their class and by key words of what they say, whatever the sentence around these."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def stands_in(word: str, said: str) -> bool:
    """Whether a word, a value or a name stands in a message, and not only a part of a longer one."""
    before = r"(?<!\w)(?<!\d[.,])" if re.match(r"\w", word) else ""
    after = r"(?!\w)(?![.,]\d)" if re.search(r"\w\Z", word) else ""
    return re.search(before + re.escape(word) + after, said) is not None


def assert_says(said: object, *words: object) -> None:
    """Check that all these key words stand in a message: what came, what is allowed, what to do."""
    missing = [str(word) for word in words if not stands_in(str(word), str(said))]
    assert missing == [], f"these are not said: {missing}, but: {said}"


@contextmanager
def raises(
    kind: type[BaseException] | tuple[type[BaseException], ...], *words: object
) -> Iterator[pytest.ExceptionInfo]:
    """As ``pytest.raises``, of an error whose message has all these key words."""
    with pytest.raises(kind) as caught:
        yield caught
    assert_says(caught.value, *words)
