"""Explanations written by hand, whose matches are named by the words themselves."""

from whyalike.explanation import ExplainedText, Explanation, Word, WordPair
from whyalike.texts import find_words


def explained(text):
    return ExplainedText(
        text, tuple(Word(text[start:end], start, end, 0.5) for start, end in find_words(text))
    )


def explanation(left, right, *matches, selected=()):
    """``matches`` and ``selected`` are (left word, right word) or (left, right, cosine), by place."""

    def pairs(given):
        return tuple(WordPair(m[0], m[1], m[2] if len(m) == 3 else 1.0, 0.1) for m in given)

    return Explanation(
        similarity=0.5,
        similarity_function="cosine",
        method="by hand",
        model="none",
        pooling="paper",
        left=explained(left),
        right=explained(right),
        pairs=pairs(selected),
        matches=pairs(matches),
    )
