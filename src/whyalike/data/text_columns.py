"""Texts, or pairs of texts, from columns of any file: what every command reads but ``index``."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from whyalike.data.columns import (
    DESCRIPTION_NAMES,
    TITLE_NAMES,
    guess_column,
    list_columns,
    named_column,
)
from whyalike.data.items import as_text, refuse_broken
from whyalike.data.stream import (
    SUFFIXES,
    Format,
    ReadReport,
    kind_by_name,
    make_of_rows,
    open_table,
)
from whyalike.data.tables import RawRow, RowTable
from whyalike.data.unpacking import without_packing
from whyalike.errors import FormatError, OptionError

PAIRS = (("left", "right"), ("query", "passage"), ("query", "text"), ("text_a", "text_b"))
"""Columns of pairs that are found without being named, in this order."""

LINES = ".txt"
"""How a file with a text a line ends; one without any ending is that, too."""

TextOrPair = str | tuple[str, str]


def read_texts(
    path: str | os.PathLike[str],
    *,
    column: str | None = None,
    format: Format = "auto",
    strict: bool = False,
    report: ReadReport | None = None,
) -> list[str]:
    """Return the texts of one column of a file, as they stand there; blank ones are left out.

    Parameters
    ----------
    path : str | PathLike[str]
        CSV, TSV, JSON Lines, Parquet or lines of text, gzipped or not, or the folder of a saved
        data set: whatever ``Catalogue.read`` reads.
    column : str, optional
        Of the texts; None takes the one that ``Catalogue.read`` would take for descriptions, or
        else for titles. Lines of text have none to be named.
    format : Format, default='auto'
        What the file is; ``"auto"`` goes by its name.
    strict : bool, default=False
        Whether a row without a text is an error; otherwise it is left out and reported.
    report : ReadReport, optional
        Gets what became of every row.

    Raises
    ------
    FormatError
        The file can't be read, has no such column or no text in it, or, where ``strict``, a bad
        row.
    OptionError
        The name of the file does not say what it is.
    MissingExtraError
        The format needs a package that is not installed.
    """
    asked = None if column is None else [column]
    rows = _read(path, asked, widths=(1,), format=format, strict=strict, report=report)
    return [row[0] for row in rows]


def read_pairs(
    path: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    format: Format = "auto",
    strict: bool = False,
    report: ReadReport | None = None,
) -> list[tuple[str, str]]:
    """Return the pairs of texts in two columns of a file; rows that lack one are left out.

    Parameters
    ----------
    path : str | PathLike[str]
        As for ``read_texts``.
    columns : sequence of str, optional
        Of the left texts and of the right ones; None takes the first of PAIRS that there is.
    format : Format, default='auto'
        See there.
    strict : bool, default=False
        See there.
    report : ReadReport, optional
        See there.

    Raises
    ------
    OptionError
        As ``read_texts``; or not two columns.
    FormatError, MissingExtraError
        As ``read_texts``.
    """
    if columns is not None and len(columns) != 2:
        raise OptionError(f"columns are {list(columns)}; name two: left texts and right texts.")
    rows = _read(path, columns, widths=(2,), format=format, strict=strict, report=report)
    return [(row[0], row[1]) for row in rows]


def read_texts_or_pairs(
    path: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    format: Format = "auto",
    strict: bool = False,
    report: ReadReport | None = None,
) -> list[TextOrPair]:
    """Return pairs where the file has or ``columns`` names two columns of them, or else texts.

    Parameters
    ----------
    path : str | PathLike[str]
        As for ``read_texts``, and so are the others.
    columns : sequence of str, optional
        One or two.
    format : Format, default='auto'
        See there.
    strict : bool, default=False
        See there.
    report : ReadReport, optional
        See there.

    Raises
    ------
    OptionError
        As ``read_texts``; or neither one nor two columns.
    FormatError, MissingExtraError
        As ``read_texts``.
    """
    if columns is not None and len(columns) not in (1, 2):
        raise OptionError(
            f"columns are {list(columns)}; name one, the text's, or two, the query's and the "
            "text's."
        )
    rows = _read(path, columns, widths=(2, 1), format=format, strict=strict, report=report)
    return [row[0] if len(row) == 1 else (row[0], row[1]) for row in rows]


def _read(
    path: str | os.PathLike[str],
    asked: Sequence[str] | None,
    *,
    widths: Sequence[int],
    format: Format,
    strict: bool,
    report: ReadReport | None,
) -> Iterator[tuple[str, ...]]:
    report = ReadReport() if report is None else report
    report.path = str(path)
    kind = _kind_of(Path(path)) if format == "auto" else format
    with open_table(Path(path), kind) as table:
        names = _choose(table, asked, widths, report)

        def make(row: RawRow) -> tuple[str, ...]:
            if row.problem:
                raise FormatError(row.problem)
            return tuple(_text(row.values.get(name), name) for name in names)

        what = "text" if len(names) == 1 else "pair of texts"
        what += f" in {' and '.join(map(repr, names))}" if table.named else ""
        yield from make_of_rows(table, make, report=report, strict=strict, what=what)


def _kind_of(path: Path) -> Format:
    """Return what a file is by its name. Raises OptionError where that does not say it."""
    if path.is_dir():
        return "dataset"
    name = without_packing(path.name.lower())
    found = "txt" if name.endswith(LINES) or "." not in name else kind_by_name(path)
    if found is None:
        raise OptionError(
            f"The name of {path} does not say what it is: give a file that ends in "
            f"{', '.join(SUFFIXES)}, or lines of text in one that ends in {LINES} or in nothing."
        )
    return found


def _choose(
    table: RowTable, asked: Sequence[str] | None, widths: Sequence[int], report: ReadReport
) -> tuple[str, ...]:
    """Return the columns to read. Raises FormatError where the file has none such."""
    there = table.columns
    if asked is not None:
        if not table.named:
            raise FormatError(
                f"{report.path} holds lines of text, no columns such as {asked[0]!r}: leave them "
                "out, or give a .csv, .tsv, .jsonl or .parquet."
            )
        try:
            return tuple(named_column(there, name, "texts") for name in asked)
        except OptionError as error:
            raise FormatError(
                f"{report.path}: {error} Name another (--column, --columns)."
            ) from error
    for pair in PAIRS if 2 in widths else ():
        if set(pair) <= set(there):
            return _noted(pair, pair != PAIRS[0], report)
    found = guess_column(there, (*DESCRIPTION_NAMES, *TITLE_NAMES))
    if 1 in widths and found is not None:
        return _noted((found,), table.named and found != DESCRIPTION_NAMES[0], report)
    if 1 in widths:
        looked, name = f"{DESCRIPTION_NAMES[0]!r}, 'text', 'title' or the like", "one (--column)"
    else:
        looked, name = (
            " or ".join(" and ".join(map(repr, pair)) for pair in PAIRS),
            "two (--columns)",
        )
    raise FormatError(
        f"{report.path} has no columns such as {looked}; it has {list_columns(there)}: name {name}."
    )


def _noted(names: tuple[str, ...], guessed: bool, report: ReadReport) -> tuple[str, ...]:
    if guessed:
        report.notes.append(f"Columns guessed: texts from {', '.join(map(repr, names))}.")
    return names


def _text(value: object, name: str) -> str:
    text = value if isinstance(value, str) else as_text(value, role=f"text in {name!r}")
    if not text.strip():
        raise FormatError(f"no text in {name!r}")
    refuse_broken(text)
    return text
