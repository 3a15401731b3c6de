"""Explanations as JSON: lossless, versioned, checked on the way in.

What is checked is read off the dataclasses themselves, so that a field added there is read and
checked here without another word. ``docs/explanation.schema.json`` describes the same for others.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from whyalike.errors import FormatError, OptionError
from whyalike.types import ExplainedText, ExplanationData, Word, WordPair

FORMAT = "whyalike/explanation"
VERSION = 1

SINCE = frozenset({"prompts"})
"""Fields that version 1 did not have from the first: absent, they have their defaults."""

_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def write_json(content: Mapping[str, Any], *, indent: int | None = None) -> str:
    """Return JSON, characters as they are. Raises ValueError on a number that JSON has not."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=indent)


def read_json(text: str | bytes) -> object:
    """Return what JSON says. Raises FormatError on what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"This is not JSON that can be read: {error}.") from error


def to_dict(data: ExplanationData) -> dict[str, Any]:
    """Return an explanation as plain dictionaries, lists, strings and numbers."""
    prompts = {} if data.prompts is None else {"prompts": list(data.prompts)}
    return {
        "format": FORMAT,
        "version": VERSION,
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
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise FormatError(f"This is not an explanation: its 'format' is not {FORMAT!r}.")
    version = content.get("version")
    if type(version) is not int or version != VERSION:
        raise FormatError(
            f"This explanation is of version {version!r}; this release reads version {VERSION}. "
            "Use the release of whyalike that wrote it."
        )
    body = {key: value for key, value in content.items() if key not in ("format", "version")}
    try:
        result = _read_fields(body, ExplanationData, "")
        for side in ("left", "right"):
            _check_words(result[side], side)
        for name in ("pairs", "matches"):
            _check_indices(result[name], result["left"], result["right"], name)
        _check_matrix(result)
    except (ValueError, OptionError) as error:
        raise FormatError(
            f"This explanation is damaged: {str(error).rstrip('.')}. Make it anew."
        ) from error
    return result


def _flat(item: Word | WordPair) -> dict[str, Any]:
    return {field.name: getattr(item, field.name) for field in fields(item)}


def _text_to_dict(text: ExplainedText) -> dict[str, Any]:
    return {
        "text": text.text,
        "words": [_flat(word) for word in text.words],
        "unread_words": text.unread_words,
        "unmatched": list(text.unmatched),
    }


def _read(value: object, kind: Any, where: str) -> Any:
    """Return ``value`` as ``kind``, the declared type of a field; ``where`` names it in errors."""
    origin, parts = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        return kind(**_read_fields(value, kind, where))
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where} is {_shown(value)}, not a list")
        if Ellipsis not in parts and len(value) != len(parts):
            raise ValueError(f"{where} has {len(value)} elements, not {len(parts)}")
        return tuple(_read(item, parts[0], f"{where}[{n}]") for n, item in enumerate(value))
    if origin in (UnionType, Union):
        return None if value is None else _read(value, parts[0], where)
    if origin is Literal:
        if value not in parts:
            allowed = ", ".join(map(repr, parts))
            raise ValueError(f"{where} is {_shown(value)}; allowed: {allowed}")
        return value
    if kind is float:
        return _read_number(value, where)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{where} is {_shown(value)}, not {_NAMES[kind]}")
    return value


def _read_number(value: object, where: str) -> float:
    """Return a float. Whole numbers pass: some writers of JSON drop the ``.0``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where} is {_shown(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{where} is {_shown(value)}, not a finite number")
    return number


def _read_fields(content: object, kind: type, where: str) -> dict[str, Any]:
    """Return what ``content`` has for each field of the dataclass ``kind``, and nothing more."""
    if not isinstance(content, Mapping):
        raise ValueError(f"{where} is {_shown(content)}, not an object")
    hints = _hints(kind)
    prefix = f"{where}." if where else ""
    if missing := [name for name in hints if name not in content and name not in SINCE]:
        raise ValueError(f"{prefix}{missing[0]} is missing")
    if unknown := [str(name) for name in content if name not in hints]:
        raise ValueError(f"{prefix}{unknown[0]} is not known")
    return {
        name: _read(content[name], hint, prefix + name)
        for name, hint in hints.items()
        if name in content
    }


@cache
def _hints(kind: type) -> dict[str, Any]:
    """Return the declared type of each field."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _check_words(side: ExplainedText, which: str) -> None:
    """Raise ValueError unless the words are in order, apart, and exactly at their places."""
    position = 0
    for n, word in enumerate(side.words):
        here = position <= word.start < word.end <= len(side.text)
        if not here or side.text[word.start : word.end] != word.text:
            raise ValueError(f"{which}.words[{n}], {word.text!r}, is not at its place in the text")
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


def _check_matrix(result: Mapping[str, Any]) -> None:
    """Raise ValueError unless the matrix, if there is one, has a cell for each pair of words."""
    matrix = result["pair_contributions"]
    shape = len(result["left"].words), len(result["right"].words)
    if matrix is not None and (
        len(matrix) != shape[0] or any(len(row) != shape[1] for row in matrix)
    ):
        raise ValueError(f"pair_contributions is not a matrix of {shape[0]} by {shape[1]}")


def _shown(value: object) -> str:
    """Return the value for an error message, short enough to be read."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
