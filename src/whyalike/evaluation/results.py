"""What a suite keeps: the texts of pairs, explanations, scores it knows, results."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from whyalike.documents import DAMAGED_ARCHIVE, Format, read_object
from whyalike.errors import FormatError, OutputError, TextError
from whyalike.evaluation.leaderboard import Entry, check_entries
from whyalike.explainer import Explainer
from whyalike.explanation import Explanation
from whyalike.files import remove_file, write_whole
from whyalike.fingerprint import ScoreSample
from whyalike.texts import clean_text, without_surrogates

TEXTS_FORMAT = Format("whyalike/pairs", "list of texts", "Make the leaderboard anew.")
LONGEST_NAME = 80
Folder = str | os.PathLike[str]
TextPair = tuple[str, str]


def file_of_pairs(dataset: str) -> str:
    """Return the name of the file of a dataset's texts; no two datasets have the same."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in dataset)
    if safe != dataset or len(safe) > LONGEST_NAME:
        digest = hashlib.sha256(dataset.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        safe = f"{safe[:LONGEST_NAME]}-{digest}"
    return f"pairs.{safe}.json"


def write_pair_texts(texts: Mapping[str, Sequence[TextPair]], folder: Folder) -> tuple[Path, ...]:
    """Write the texts of datasets, each file whole or not at all, and return the files.

    Parameters
    ----------
    texts : Mapping[str, sequence of TextPair]
        By dataset, its pairs in the order of the run (``Datasets.texts``).
    folder : Folder
        Where the leaderboard is.

    Raises
    ------
    OutputError
        A file can't be written.
    """
    written = []
    for dataset, found in texts.items():
        pairs = [{"left": left, "right": right} for left, right in found]
        content = {**TEXTS_FORMAT.head(), "dataset": dataset, "pairs": pairs}
        said = without_surrogates(json.dumps(content, ensure_ascii=False, indent=1))
        path = Path(folder) / file_of_pairs(dataset)

        def write(stream: BinaryIO, said: str = said) -> None:
            stream.write(said.encode())

        write_whole(path, write)
        written.append(path)
    return tuple(written)


def remove_pair_texts(folder: Folder) -> None:
    """Remove the files of texts that runs before have left, of whatever dataset; nothing else.

    Raises
    ------
    OutputError
        A file can't be removed.
    """
    for path in Path(folder).glob("pairs.*.json"):
        if _is_ours(path):
            remove_file(path)


def _is_ours(path: Path) -> bool:
    """Return whether a file begins as ``write_pair_texts`` begins one, damaged or not."""
    try:
        with path.open(encoding="utf-8") as stream:
            return f'"format": "{TEXTS_FORMAT.name}"' in stream.read(len(TEXTS_FORMAT.name) + 40)
    except (OSError, UnicodeDecodeError):
        return False


def read_pair_texts(folder: Folder, dataset: str) -> tuple[TextPair, ...] | None:
    """Return the texts of a dataset's pairs in the order of the run; None where none were kept.

    Raises
    ------
    FormatError
        The file can't be read, is damaged, of a newer release, or not of this dataset.
    """
    path = Path(folder) / file_of_pairs(dataset)
    if not path.is_file():
        return None
    body = TEXTS_FORMAT.load(path)
    with TEXTS_FORMAT.reading(where=str(path)):
        found = _Pairs(**read_object(body, _Pairs))
    if found.dataset != without_surrogates(dataset):
        raise FormatError(f"{path} is of the dataset {found.dataset!r:.80}, not {dataset!r}.")
    return tuple((pair.left, pair.right) for pair in found.pairs)


@dataclass(frozen=True, slots=True)
class _Pair:
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class _Pairs:
    dataset: str
    pairs: tuple[_Pair, ...]


RESULT_FORMAT = Format(
    "whyalike/result", "result of a suite", "Remove it, and it is measured anew."
)

EXPLANATIONS = ".explanations.jsonl"


@dataclass(frozen=True)
class Result:
    """What one method got on one dataset. versions: of the packages that it was measured with."""

    entries: tuple[Entry, ...]
    versions: Mapping[str, str] = field(default_factory=dict)


class ResultStore:
    """A folder of results. A result is known by its place, and by a key of all that it depends on.

    Raises
    ------
    OutputError
        The folder can't be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"Could not make the folder {folder}: {error.strerror}.") from error

    def read(self, place: str, key: str) -> Result | None:
        """Return the result at ``place``, or None where there is none, or one of another key.

        Raises
        ------
        FormatError
            The file there is no result, or damaged.
        """
        path = self._path(place)
        if not path.exists():
            return None
        # Those that were kept before 1.0 say neither format nor version.
        body = RESULT_FORMAT.load(path, unnamed=True)
        with RESULT_FORMAT.reading(where=str(path)):
            if body.pop("key", None) != key:
                return None
            result = Result(**read_object(body, Result))
            check_entries(result.entries)
        return result

    def write(self, place: str, key: str, result: Result) -> None:
        """Keep a result, whole or not at all."""
        content = json.dumps({**RESULT_FORMAT.head(), "key": key, **asdict(result)})
        write_whole(self._path(place), lambda stream: stream.write(content.encode()))

    def explanations(self, place: str) -> Path:
        """Return the file for the explanations of a result that is not there yet."""
        return self._path(place).with_suffix(EXPLANATIONS)

    def forget_explanations(self, place: str | None = None) -> None:
        """Remove the explanations of one result, or all that were left, and so their texts.

        Raises
        ------
        OutputError
            They can't be removed.
        """
        every = self.folder.glob(f"*{EXPLANATIONS}")
        for path in every if place is None else [self.explanations(place)]:
            remove_file(path)

    def _path(self, place: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in place)
        return self.folder / f"{safe}.json"


def known_score(path: Path, found: ScoreSample) -> str:
    """Return the name of the score that ``found`` is of, and keep it in ``path`` if it is new.

    Parameters
    ----------
    path : Path
        A file of the scores known so far, made if there is none.
    found : ScoreSample
        How the model scores a dataset's first texts.

    Raises
    ------
    FormatError
        The file there is none of scores.
    OutputError
        It can't be written.
    """
    known: dict[str, NDArray[np.float32]] = {}
    if path.exists():
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                known = {name: np.asarray(stored[name], np.float32) for name in stored.files}
        except DAMAGED_ARCHIVE as error:
            raise FormatError(f"{path} keeps no scores ({error}): remove it.") from error
    for name, vectors in known.items():
        digest, _, exact = name.partition("-")
        if found.is_like(exact, vectors):
            return digest
    known[f"{found.digest}-{found.exact}"] = found.vectors
    content = BytesIO()
    np.savez(content, **known)  # type: ignore[arg-type]
    # NumPy 1 leaves an archive open that it could not write to the end.
    write_whole(path, lambda stream: stream.write(content.getbuffer()))
    return found.digest


def explain_all(
    explainer: Explainer,
    pairs: Sequence[TextPair],
    *,
    path: Path | None = None,
    key: str = "",
    tell: Callable[[int], None] | None = None,
) -> list[Explanation]:
    """Explain pairs a batch at a time, from where ``path`` ends.

    Parameters
    ----------
    explainer : Explainer
        The model and the method.
    pairs : sequence of TextPair
        The P pairs.
    path : Path, optional
        A file to which each batch is added once it is there; None keeps nothing.
    key : str, default=''
        Of all that the explanations depend on. What ``path`` has of another key is written over.
    tell : Callable[[int], None], optional
        Is called with how many pairs are explained, once before each batch.

    Raises
    ------
    TextError, ModelError
        As ``Explainer.explain_many``.
    OutputError
        The file can't be written.
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
