"""The texts of a suite's pairs, in a file for each dataset beside its leaderboard."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from whyalike.documents import Format, read_object
from whyalike.errors import FormatError
from whyalike.files import remove_file, write_whole
from whyalike.texts import without_surrogates

FORMAT = Format("whyalike/pairs", "list of texts", "Make the leaderboard anew.")
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

    Args:
        texts: by dataset, its pairs in the order of the run (``Datasets.texts``).
        folder: where the leaderboard is.

    Raises:
        OutputError: a file can't be written.
    """
    written = []
    for dataset, found in texts.items():
        pairs = [{"left": left, "right": right} for left, right in found]
        content = {**FORMAT.head(), "dataset": dataset, "pairs": pairs}
        said = without_surrogates(json.dumps(content, ensure_ascii=False, indent=1))
        path = Path(folder) / file_of_pairs(dataset)

        def write(stream: BinaryIO, said: str = said) -> None:
            stream.write(said.encode())

        write_whole(path, write)
        written.append(path)
    return tuple(written)


def remove_pair_texts(folder: Folder) -> None:
    """Remove the files of texts that runs before have left, of whatever dataset; nothing else.

    Raises:
        OutputError: a file can't be removed.
    """
    for path in Path(folder).glob("pairs.*.json"):
        if _is_ours(path):
            remove_file(path)


def _is_ours(path: Path) -> bool:
    """Return whether a file begins as ``write_pair_texts`` begins one, damaged or not."""
    try:
        with path.open(encoding="utf-8") as stream:
            return f'"format": "{FORMAT.name}"' in stream.read(len(FORMAT.name) + 40)
    except (OSError, UnicodeDecodeError):
        return False


def read_pair_texts(folder: Folder, dataset: str) -> tuple[TextPair, ...] | None:
    """Return the texts of a dataset's pairs in the order of the run; None where none were kept.

    Raises:
        FormatError: the file can't be read, is damaged, of a newer release, or not of this dataset.
    """
    path = Path(folder) / file_of_pairs(dataset)
    if not path.is_file():
        return None
    body = FORMAT.load(path)
    with FORMAT.reading(where=str(path)):
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
