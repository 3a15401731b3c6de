"""Which entries of a vocabulary a word of a text stands for."""

import re
from collections.abc import Mapping

_PLAIN = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\uff07": "'", "\u00ad": None})
# As the Penn Treebank cuts, and GloVe's texts are cut: do|n't, glove|'s.
_PARTS = re.compile(r"(?<=.)(?=n't$)|(?<=.)(?='(?:s|re|ve|ll|d|m)$)|[-\u2010\u2011]")


def find_rows(word: str, index: Mapping[str, int]) -> list[int]:
    """Return the rows of a vocabulary that ``word`` stands for, none where it is unknown.

    One row: that of the word as it is written, or else in lower case (apostrophes straight, soft
    hyphens left out). Otherwise those of its parts that are known, cut at hyphens and before "n't"
    and "'s": our words join what vocabularies cut ("touchscreen-compatible").
    """
    for form in (word, plain := word.lower().translate(_PLAIN)):
        if form in index:
            return [index[form]]
    return [index[part] for part in _PARTS.split(plain) if part in index]
