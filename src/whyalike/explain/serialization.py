"""Explanations as JSON: lossless, versioned, checked on the way in.

What is checked is read off the dataclasses themselves, so that a field added there is read and
checked here without another word. ``docs/explanation.schema.json`` describes the same for others.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from whyalike.documents import Format, read_object, shown
from whyalike.types import ExplainedText, ExplanationData, Word, WordPair

FORMAT = Format("whyalike/explanation", "explanation", "Make it anew.")


def to_dict(data: ExplanationData) -> dict[str, Any]:
    """Return an explanation as plain dictionaries, lists, strings and numbers."""
    prompts = {} if data.prompts is None else {"prompts": list(data.prompts)}
    return {
        **FORMAT.head(),
        "similarity": data.similarity,
        "similarity_function": data.similarity_function,
        "method": data.method,
        "model": data.model,
        "pooling": data.pooling,
        **prompts,
        "options": asdict(data.options),
        "warnings": list(data.warnings),
        "completeness_gap": data.completeness_gap,
        "remainder": data.remainder,
        "pair_contributions": None
        if data.pair_contributions is None
        else [list(row) for row in data.pair_contributions],
        "left": _text_to_dict(data.left),
        "right": _text_to_dict(data.right),
        "pairs": [_flat(pair) for pair in data.pairs],
        "matches": [_flat(pair) for pair in data.matches],
    }


def fields_from_dict(content: object) -> dict[str, Any]:
    """Return the fields of an ExplanationData from what ``to_dict`` gave.

    Raises:
        FormatError: it is no explanation, of another version, or damaged.
    """
    body = FORMAT.body(content)
    with FORMAT.reading():
        result = ExplanationData(**read_object(body, ExplanationData))
        for side, text in (("left", result.left), ("right", result.right)):
            _check_words(text, side)
        for name, pairs in (("pairs", result.pairs), ("matches", result.matches)):
            _check_indices(pairs, result.left, result.right, name)
        _check_matrix(result)
    return {field.name: getattr(result, field.name) for field in fields(result)}


def _flat(item: Word | WordPair) -> dict[str, Any]:
    return {field.name: getattr(item, field.name) for field in fields(item)}


def _text_to_dict(text: ExplainedText) -> dict[str, Any]:
    return {
        "text": text.text,
        "words": [_flat(word) for word in text.words],
        "unread_words": text.unread_words,
        "unmatched": list(text.unmatched),
    }


def _check_words(side: ExplainedText, which: str) -> None:
    """Raise ValueError unless the words are in order, apart, and exactly at their places."""
    position = 0
    for n, word in enumerate(side.words):
        here = position <= word.start < word.end <= len(side.text)
        if not here or side.text[word.start : word.end] != word.text:
            raise ValueError(
                f"{which}.words[{n}], {shown(word.text)}, is not at its place in the text"
            )
        position = word.end
    if side.unread_words < 0:
        raise ValueError(f"{which}.unread_words is {side.unread_words}, below 0")
    for n, index in enumerate(side.unmatched):
        if not 0 <= index < len(side.words):
            raise ValueError(
                f"{which}.unmatched[{n}] is {index}, and the text has {len(side.words)} words"
            )


def _check_indices(
    pairs: Sequence[WordPair], left: ExplainedText, right: ExplainedText, name: str
) -> None:
    """Raise ValueError unless every pair points at words that exist."""
    for n, pair in enumerate(pairs):
        for which, index, words in (
            ("left", pair.left, left.words),
            ("right", pair.right, right.words),
        ):
            if not 0 <= index < len(words):
                raise ValueError(
                    f"{name}[{n}].{which} is {index}, and the {which} text has {len(words)} words"
                )


def _check_matrix(result: ExplanationData) -> None:
    """Raise ValueError unless the matrix, if there is one, has a cell for each pair of words."""
    matrix = result.pair_contributions
    shape = len(result.left.words), len(result.right.words)
    if matrix is not None and (
        len(matrix) != shape[0] or any(len(row) != shape[1] for row in matrix)
    ):
        raise ValueError(f"pair_contributions is not a matrix of {shape[0]} by {shape[1]}")
