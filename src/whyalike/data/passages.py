"""Passages of a search, from any file: items of a table, or lines of text."""

import os
from pathlib import Path

from whyalike.data.items import Item
from whyalike.data.stream import ReadReport, kind_by_name, stream_items
from whyalike.data.text_columns import read_texts


def read_passages(
    path: str | os.PathLike[str],
    *,
    column: str | None = None,
    strict: bool = False,
    report: ReadReport | None = None,
) -> list[Item]:
    """Return the passages of a file in their order, with ids and titles where it has any.

    Parameters
    ----------
    path : str or PathLike[str]
        A table, as ``stream_items`` reads it, or lines of text, as ``read_texts`` does. Without a
        column of ids they are called by their numbers, from 1.
    column : str, optional
        Of the texts; None guesses.
    strict : bool, default=False
        Whether a row without a text is an error; otherwise it is left out and reported.
    report : ReadReport, optional
        Gets what became of every row.

    Raises
    ------
    FormatError, OptionError, MissingExtraError
        As the two.
    """
    where = Path(path)
    if where.is_dir() or kind_by_name(where) is not None:
        return list(stream_items(where, description=column, strict=strict, report=report))
    texts = read_texts(where, column=column, strict=strict, report=report)
    return [Item(str(number), "", text) for number, text in enumerate(texts, start=1)]
