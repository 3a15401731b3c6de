"""A file of pairs in pieces: read in order, and each explained into packed rows of the output.

Both halves can be pickled, so that a piece may be read in one process and explained in another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whyalike.batch.formats import OutputFormat, choose_format
from whyalike.batch.rows import RowField, make_row
from whyalike.batch.source import PairRow, PairSource, Survey
from whyalike.catalogue.index import CatalogueIndex
from whyalike.catalogue.item_store import field_text
from whyalike.catalogue.reader import open_reader
from whyalike.errors import FunctionError, ModelError, OptionError, TextError, WhyalikeError
from whyalike.explanation import Explanation

if TYPE_CHECKING:
    from whyalike.explainer import Explainer


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that are explained together, each with its texts or with why it has none."""

    rows: tuple[PairRow, ...]
    texts: tuple[tuple[str, str] | str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """A piece explained: its rows, packed, and of each why it is bad, or nothing.

    ``refusal`` is an error of the model that all pairs had.
    """

    packed: bytes
    errors: tuple[str, ...]
    refusal: ModelError | None


class Pieces:
    """The pieces of a file behind the first ``skip`` rows; iterated, it reads them.

    Parameters
    ----------
    source : PairSource
        The file.
    survey : Survey
        What a first pass over it found.
    skip : int
        Rows that are done.
    size : int
        Rows of a piece.
    index : CatalogueIndex | None
        Whose ids they are.
    """

    def __init__(
        self,
        source: PairSource,
        survey: Survey,
        *,
        skip: int,
        size: int,
        index: CatalogueIndex | None,
    ) -> None:
        self._source, self._survey, self._skip, self._size = source, survey, skip, size
        self._index = index

    def __iter__(self) -> Iterator[Piece]:
        """Read the pieces, in order. Raises FormatError where the file can't be read any more."""
        rows = self._source.rows(self._survey, skip=self._skip)
        while chunk := tuple(islice(rows, self._size)):
            yield Piece(chunk, tuple(self._texts(row) for row in chunk))

    def __getstate__(self) -> dict[str, Any]:
        """Name the index by its folder: its files are open in this process only."""
        folder = None if self._index is None else self._index.reader.folder.resolve()
        source = PairSource(
            self._source.path.resolve(),
            columns=self._survey.columns,
            format=self._source.format,
            keep=tuple(self._survey.kept),
            ids=self._source.ids,
        )
        return {**self.__dict__, "_source": source, "_index": folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the index, without its model."""
        folder = state["_index"]
        opened = None if folder is None else CatalogueIndex(open_reader(folder, "exact"), None)
        self.__dict__ |= {**state, "_index": opened}

    def _texts(self, row: PairRow) -> tuple[str, str] | str:
        """Return the texts of a row, or why there are none."""
        if row.texts is None or self._index is None:
            return row.error if row.texts is None else row.texts
        left, right = row.texts
        try:
            found = _item_text(self._index, right)
            return (_item_text(self._index, left) if self._source.ids == "both" else left), found
        except OptionError as error:
            return str(error)


@dataclass(frozen=True)
class PieceExplainer:
    """Makes rows of the output of a piece.

    Attributes
    ----------
    explainer : Explainer
        What explains its pairs.
    out : Path
        The output, whose name says its form.
    survey : Survey
        What a first pass over the file found.
    names : Mapping[str, str]
        What kept columns are called in the output.
    fields : tuple of RowField
        What is said of an explanation.
    check : int
        As of ``Explainer.explain``.
    """

    explainer: "Explainer"
    out: Path
    survey: Survey
    names: Mapping[str, str]
    fields: tuple[RowField, ...]
    check: int

    def make(self) -> "PieceExplainer":
        """Return itself: it is made where it is unpickled."""
        return self

    def form(self) -> OutputFormat:
        """Return the form of the output."""
        kept = {self.names[name]: kind for name, kind in self.survey.kept.items()}
        return choose_format(self.out, kept, self.fields, typed=self.survey.typed)

    def __call__(self, piece: Piece) -> Done:
        """Explain a piece; see ``explain_each`` for what is raised."""
        form = self.form()
        pairs = [pair for pair in piece.texts if not isinstance(pair, str)]
        explained = explain_each(self.explainer, pairs, check=self.check)
        made, errors, failures = [], [], list[WhyalikeError]()
        for row, pair in zip(piece.rows, piece.texts, strict=True):
            result = pair if isinstance(pair, str) else next(explained)
            if isinstance(result, WhyalikeError):
                failures.append(result)
            error = "" if isinstance(result, Explanation) else f"{row.place}: {result}"
            explanation = result if isinstance(result, Explanation) else None
            kept = {
                self.names[name]: form.value(self.names[name], value)
                for name, value in row.kept.items()
            }
            made.append(make_row(row, kept, explanation, self.fields, error))
            errors.append(error)
        models = [one for one in failures if isinstance(one, ModelError)]
        refusal = models[0] if models and len(models) == len(pairs) else None
        return Done(form.pack(made), tuple(errors), refusal)


def explain_each(
    explainer: "Explainer", pairs: Sequence[tuple[str, str]], *, check: int = 0
) -> Iterator[Explanation | WhyalikeError]:
    """Yield for each pair its explanation, or what was wrong with it; the others are not harmed.

    Where one makes a batch fail, the batch is halved until it is alone.

    Raises
    ------
    FunctionError
        What a user's function raised: a service that fails, fails for all.
    OptionError
        An option that does not go with the model.
    """
    pending = list(pairs)
    while pending:
        done = 0
        try:
            for explanation in explainer.explain_many(pending, check=check):
                yield explanation
                done += 1
            return
        except FunctionError:
            raise
        except TextError as error:
            # It is raised when the turn of the pair comes, after all that stand before it.
            yield TextError(str(error).removeprefix(f"Pair {done}: "))
            pending = pending[done + 1 :]
        except ModelError as error:
            rest = pending[done:]
            if len(rest) == 1:
                yield error
                return
            half = len(rest) // 2
            yield from explain_each(explainer, rest[:half], check=check)
            pending = rest[half:]


def _item_text(index: CatalogueIndex, id: str) -> str:
    return field_text(index[id], index.reader.compared)
