"""Explanations with contributions and a matrix, made by hand or at random."""

import random
import re

from whyalike.explanation import ExplainedText, Explanation, Word, WordPair

LEFT = "warm gloves, not cold"
RIGHT = "cosy mittens but cold"
MATRIX = (
    (0.081, 0.012, 0.0, -0.004),
    (0.010, 0.120, 0.001, 0.002),
    (-0.020, -0.031, -0.002, -0.015),
    (-0.006, 0.004, 0.0, 0.090),
)


def make_side(text: str, contributions, unmatched=()) -> ExplainedText:
    greatest = max(map(abs, contributions), default=0.0) or 1.0
    spans = [match.span() for match in re.finditer(r"\w+", text)]
    words = tuple(
        Word(text[start:end], start, end, value / greatest, value)
        for (start, end), value in zip(spans, contributions, strict=True)
    )
    return ExplainedText(text, words, 0, tuple(unmatched))


def make_signed(
    left=LEFT, right=RIGHT, matrix=MATRIX, pairs=((1, 1), (3, 3), (0, 0)), unmatched=((2,), (2,))
) -> Explanation:
    made = tuple(WordPair(i, j, 0.8, matrix[i][j]) for i, j in pairs)
    rows = [sum(row) for row in matrix]
    return Explanation(
        similarity=0.5,
        similarity_function="cosine",
        method="token_similarity",
        model="all-MiniLM-L6-v2",
        pooling="model",
        left=make_side(left, rows, unmatched[0]),
        right=make_side(right, [sum(column) for column in zip(*matrix, strict=True)], unmatched[1]),
        pairs=made,
        matches=made,
        pair_contributions=tuple(map(tuple, matrix)),
        remainder=0.5 - sum(rows),
    )


def make_large(rows: int, columns: int, seed: int = 0) -> Explanation:
    """Return an explanation of random contributions, whose words are numbered."""
    numbers = random.Random(seed)
    matrix = [[numbers.gauss(0, 0.01) for _ in range(columns)] for _ in range(rows)]
    texts = (
        " ".join(f"{name}{n}" for n in range(count))
        for name, count in (("l", rows), ("r", columns))
    )
    return make_signed(*texts, matrix, pairs=((rows - 1, columns - 1), (0, 1)), unmatched=((), ()))
