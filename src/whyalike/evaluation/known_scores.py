"""Which score a folder's results were measured with, though rounding differ from run to run."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whyalike.documents import DAMAGED_ARCHIVE
from whyalike.errors import FormatError
from whyalike.files import write_whole
from whyalike.fingerprint import Probe


def known_score(path: Path, found: Probe) -> str:
    """Return the name of the score that ``found`` is of, and keep it in ``path`` if it is new.

    Args:
        path: a file of the scores known so far, made if there is none.
        found: how the model scores a dataset's first texts.

    Raises:
        FormatError: the file there is none of scores.
        OutputError: it can't be written.
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
    write_whole(path, lambda stream: np.savez(stream, **known))  # type: ignore[arg-type]
    return found.digest
