"""Explanations on disk while a part of a suite is measured, so that a cut costs a few pairs."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from whyalike.errors import FormatError, OutputError, TextError
from whyalike.evaluation.pair_texts import TextPair
from whyalike.explain import Explainer, Explanation, write_whole
from whyalike.text import clean_text


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
    size = explainer.batch_size
    found = [] if path is None else list(_read(path, key, pairs))
    # Numbers hang, in their last digits, on what is in a batch: only whole ones are taken, so that
    # a run that was cut off ends with the same bits as one that was not.
    if len(found) < len(pairs):
        found = found[: len(found) // size * size]
    if path is not None:
        _begin(path, key, found)
    for start in range(len(found), len(pairs), size):
        if tell is not None:
            tell(start)
        batch = list(explainer.explain_many(pairs[start : start + size], start=start))
        if path is not None:
            _add(path, key, batch)
        found += batch
    return found


def _read(path: Path, key: str, pairs: Sequence[TextPair]) -> Iterator[Explanation]:
    """Return the explanations of the first pairs in a file of this key, as far as they are whole.

    A line that was cut off ends them, and so does one of another pair: two runs wrote at once.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return
    if not lines or lines[0] != _head(key).encode():
        return
    for line, (left, right) in zip(lines[1:], pairs, strict=False):
        try:
            explanation = Explanation.from_json(line)
            texts = clean_text(left, side="left").text, clean_text(right, side="right").text
        except (FormatError, TextError):
            return
        if (explanation.left.text, explanation.right.text) != texts:
            return
        yield explanation


def _begin(path: Path, key: str, found: Sequence[Explanation]) -> None:
    """Leave these in the file and nothing else; for none of them, no file."""
    if found:
        write_whole(path, lambda stream: stream.write(_lines([_head(key)], found)))
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _refused(path, error) from error


def _add(path: Path, key: str, batch: Sequence[Explanation]) -> None:
    try:
        with path.open("ab") as stream:
            stream.write(_lines([] if stream.tell() else [_head(key)], batch))
    except OSError as error:
        raise _refused(path, error) from error


def _head(key: str) -> str:
    return json.dumps({"key": key})


def _lines(head: Sequence[str], batch: Sequence[Explanation]) -> bytes:
    return "".join(f"{line}\n" for line in [*head, *(each.to_json() for each in batch)]).encode()


def _refused(path: Path, error: OSError) -> OutputError:
    return OutputError(f"Could not write {path}: {error.strerror}. Make room there.")
