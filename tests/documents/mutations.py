"""Every way in which a document of JSON may be wrong: each place of it, each kind of mistake."""

import json
import re
from collections.abc import Iterator
from copy import copy

DEEP = "%deep%"
LONG = "%long%"

WRONG = {
    "null": None,
    "true": True,
    "minus one": -1,
    "zero": 0,
    "a half": 0.5,
    "huge": 10**400,
    "whole and large": 10**18,
    "large": 1e308,
    "large and negative": -1e308,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "more digits than may be": LONG,
    "empty text": "",
    "text": "x \x1b[31m <b> \u202e",
    "half a character": "\ud800",
    "long text": "y" * 5000,
    "empty list": [],
    "list of a list": [[]],
    "empty object": {},
    "object": {"a": [1, None]},
    "deep": DEEP,
}


def mutations(document: object) -> Iterator[tuple[str, str]]:
    """Yield what was done and the JSON that came of it.

    Of a list, entries stand for each other: its first and its last are changed.
    """
    for path in places(document):
        if path:
            yield f"{name(path)} missing", written(changed(document, path, _remove))
        for kind, value in WRONG.items():
            yield f"{name(path)} {kind}", written(changed(document, path, _set(value)))
        found = at(document, path)
        if isinstance(found, dict):
            more = changed(document, (*path, "more"), _set(1))
            yield f"{name(path)} with one more field", written(more)
        if isinstance(found, list) and found:
            yield (
                f"{name(path)} longer",
                written(changed(document, path, _set([*found, found[-1]]))),
            )
            yield f"{name(path)} shorter", written(changed(document, path, _set(found[:-1])))


def places(document: object, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path to every value, but of a list only those to its first entry and its last."""
    yield path
    if isinstance(document, dict):
        for key, value in document.items():
            yield from places(value, (*path, key))
    elif isinstance(document, list):
        for n in sorted({0, len(document) - 1} & set(range(len(document)))):
            yield from places(document[n], (*path, n))


def name(path: tuple) -> str:
    return ".".join(map(str, path)) or "all"


def at(document, path: tuple):
    for key in path:
        document = document[key]
    return document


def changed(document, path: tuple, change):
    """A copy of the document, but for what stays as it is, with ``change`` made to what holds the last key of ``path``."""
    whole, keys = {"": document}, ("", *path)
    holder = whole
    for key in keys[:-1]:
        holder[key] = copy(holder[key])
        holder = holder[key]
    change(holder, keys[-1])
    return whole[""]


def _remove(holder, key):
    del holder[key]


def _set(value):
    def change(holder, key):
        holder[key] = value

    return change


def written(document: object) -> str:
    """JSON, with what Python would not write."""
    said = json.dumps(document)
    said = said.replace(json.dumps(DEEP), "[" * 3000 + "]" * 3000)
    return said.replace(json.dumps(LONG), "9" * 5000)


def damaged_bytes(content: bytes, *, step: int = 1) -> Iterator[tuple[str, bytes]]:
    """Yield the content cut off, emptied, with bytes flipped and put in."""
    yield "empty", b""
    for place in range(0, len(content), step):
        yield f"cut at {place}", content[:place]
        flipped = content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
        yield f"flipped at {place}", flipped
        digit = re.sub(rb"\d", b"7", content[place : place + 1])
        yield f"more at {place}", content[:place] + digit + b"\0\xff" + content[place:]
