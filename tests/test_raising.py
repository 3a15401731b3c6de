"""What matches an error by its key words: a value is not found in a longer one."""

import pytest

from raising import raises, stands_in
from whyalike.errors import OptionError


@pytest.mark.parametrize(
    ("word", "said", "stands"),
    [
        ("0", "top is 0; give 1 or more", True),
        ("0", "top is 10; give more", False),
        ("0", "top is 0.5; give more", False),
        ("5", "top is 0.5; give more", False),
        ("1", "give 1.", True),
        ("1", "give 1,000", False),
        ("-1", "top is -1", True),
        ("top", "stop it", False),
        ("top", "top_k is 2", False),
        (".csv", "known are .csv, .tsv", True),
        ("'a'", "no column 'a'; it has b", True),
        ("Top", "top is 0", False),
    ],
)
def test_a_key_word_is_whole(word, said, stands):
    assert stands_in(word, said) == stands


def test_every_key_word_must_be_said():
    with raises(OptionError, "top", 0) as caught:
        raise OptionError("top is 0; give a number")
    assert str(caught.value).startswith("top")
    with pytest.raises(AssertionError, match="not said"), raises(OptionError, "top", "words"):
        raise OptionError("top is 0; give a number")


def test_another_class_is_another_error():
    with pytest.raises(ValueError, match="top"), raises(OptionError, "top"):
        raise ValueError("top is 0")
    with pytest.raises(pytest.fail.Exception), raises(OptionError, "top"):
        pass
