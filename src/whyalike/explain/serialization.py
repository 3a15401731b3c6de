"""Explanations as JSON: lossless, versioned, checked on the way in."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from whyalike.errors import FormatError, OptionError
from whyalike.types import BTIOptions, ExplainedText, ExplanationData, Word, WordPair

FORMAT = "whyalike/explanation"
VERSION = 1


def to_dict(data: ExplanationData) -> dict[str, Any]:
    """Return an explanation as plain dictionaries, lists, strings and numbers."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "similarity": data.similarity,
        "similarity_function": data.similarity_function,
        "method": data.method,
        "model": data.model,
        "pooling": data.pooling,
        "options": asdict(data.options),
        "warnings": list(data.warnings),
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
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise FormatError(f"This is not an explanation: its 'format' is not {FORMAT!r}.")
    if content.get("version") != VERSION:
        raise FormatError(
            f"This explanation is of version {content.get('version')!r}; this release reads "
            f"version {VERSION}. Use the release of whyalike that wrote it."
        )
    try:
        return {
            "similarity": float(content["similarity"]),
            "similarity_function": content["similarity_function"],
            "method": content["method"],
            "model": content["model"],
            "pooling": content["pooling"],
            "options": BTIOptions(**content["options"]),
            "warnings": tuple(content["warnings"]),
            "left": _text_from_dict(content["left"]),
            "right": _text_from_dict(content["right"]),
            "pairs": tuple(WordPair(**pair) for pair in content["pairs"]),
            "matches": tuple(WordPair(**pair) for pair in content["matches"]),
        }
    except (KeyError, TypeError, ValueError, OptionError) as error:
        raise FormatError(
            f"This explanation is damaged: {type(error).__name__}: {error}."
        ) from error


def _flat(item: Word | WordPair) -> dict[str, Any]:
    return {field.name: getattr(item, field.name) for field in fields(item)}


def _text_to_dict(text: ExplainedText) -> dict[str, Any]:
    return {
        "text": text.text,
        "words": [_flat(word) for word in text.words],
        "unread_words": text.unread_words,
    }


def _text_from_dict(content: Mapping[str, Any]) -> ExplainedText:
    words = tuple(Word(**word) for word in content["words"])
    for word in words:
        if content["text"][word.start : word.end] != word.text:
            raise ValueError(f"the word {word.text!r} is not at its place in the text")
    return ExplainedText(content["text"], words, int(content["unread_words"]))
