"""Explanations on disk while a part of a suite is measured, so that a cut costs a few pairs."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from whyalike.errors import FormatError, OutputError, TextError
from whyalike.evaluation.pair_texts import TextPair
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation
from whyalike.files import remove_file
from whyalike.texts import clean_text


def explain_all(
    explainer: Explainer,
    pairs: Sequence[TextPair],
    *,
    path: Path | None = None,
    key: str = "",
    tell: Callable[[int], None] | None = None,
) -> list[Explanation]:
    """Explain pairs a batch at a time, from where ``path`` ends.

    Args:
        explainer: the model and the method.
        pairs: the P pairs.
        path: a file to which each batch is added once it is there; None keeps nothing.
        key: of all that the explanations hang on. What ``path`` has of another key is written over.
        tell: is told how many pairs are explained, once before each batch.

    Raises:
        TextError, ModelError: as ``Explainer.explain_many``.
        OutputError: the file can't be written.
    """
    # Batch by batch, and not several ahead as explain_many does by itself: so little is lost. And
    # numbers hang, in their last digits, on what is in a batch: only whole ones are taken, so that
    # a run that was cut off ends with the same bits as one that was not.
    size = explainer.batch_size
    found = [] if path is None else _read(path, key, pairs)
    if len(found) < len(pairs):
        found = found[: len(found) // size * size]
    if path is not None:
        _cut(path, len(found))
    for start in range(len(found), len(pairs), size):
        if tell is not None:
            tell(start)
        batch = list(explainer.explain_many(pairs[start : start + size], start=start))
        if path is not None:
            _add(path, key, batch)
        found += batch
    return found


def _read(path: Path, key: str, pairs: Sequence[TextPair]) -> list[Explanation]:
    """Return the explanations of the first pairs in a file of this key, as far as they are whole.

    A line that was cut off ends them, and so does one of another pair: two runs wrote at once.
    """
    found: list[Explanation] = []
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError:
        return found
    if not lines or lines[0] != _head(key):
        return found
    for line, (left, right) in zip(lines[1:], pairs, strict=False):
        try:
            explanation = Explanation.from_json(line)
            texts = clean_text(left, side="left").text, clean_text(right, side="right").text
        except (FormatError, TextError):
            break
        whole = line.endswith(b"\n")
        if not whole or (explanation.left.text, explanation.right.text) != texts:
            break
        found.append(explanation)
    return found


def _cut(path: Path, count: int) -> None:
    """Leave so many explanations in the file, and of none no file.

    In its place: a copy, if this were cut off, would be a file of texts that nobody knows of.
    """
    if not count:
        remove_file(path)
        return
    try:
        with path.open("r+b") as stream:
            for _ in range(1 + count):
                stream.readline()
            stream.truncate(stream.tell())
    except OSError as error:
        raise _refused(path, error) from error


def _add(path: Path, key: str, batch: Sequence[Explanation]) -> None:
    try:
        with path.open("ab") as stream:
            head = b"" if stream.tell() else _head(key)
            stream.write(head + "".join(f"{each.to_json()}\n" for each in batch).encode())
    except OSError as error:
        raise _refused(path, error) from error


def _head(key: str) -> bytes:
    return json.dumps({"key": key}).encode() + b"\n"


def _refused(path: Path, error: OSError) -> OutputError:
    return OutputError(f"Could not write {path}: {error.strerror}. Make room there.")
