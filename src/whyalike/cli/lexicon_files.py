"""The lexicon that the command line names: a file of word vectors, a file of texts, or both."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from whyalike.errors import TextError

if TYPE_CHECKING:
    from whyalike import Lexicon


def read_lexicon(
    vectors: Path | None,
    corpus: Path | None,
    *,
    allow_pickle: bool,
    catalogue: Sequence[str] | None = None,
) -> "Lexicon | None":
    """Return what ``--lexicon`` and ``--corpus`` name, or None for the packaged lexicon.

    Args:
        vectors: a file of word vectors; None for the packaged ones.
        corpus: a file of texts to count rare words in.
        allow_pickle: whether word vectors may be a pickle.
        catalogue: the texts to count rare words in where there is no corpus.

    Raises:
        FormatError, UnsafeModelError: word vectors that can't be read, or may not be.
        TextError: a corpus that can't be read, or has no words.
        MissingExtraError: a corpus without word vectors, and no packaged ones installed.
    """
    counted = catalogue if corpus is None else _lines(corpus)
    if vectors is None and counted is None:
        return None
    from whyalike import Lexicon, WordVectors

    if vectors is None:
        known = WordVectors.packaged()
    else:
        known = WordVectors.read(vectors, allow_pickle=allow_pickle)
    return Lexicon.of(known) if counted is None else Lexicon.fit(counted, vectors=known)


def _lines(corpus: Path) -> list[str]:
    """Return the texts of a file, one a line."""
    try:
        return corpus.read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise TextError(f"{corpus} is not UTF-8 (byte {error.start}): convert it first.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TextError(f"Could not read texts from {corpus}: {reason}.") from error
