"""Items from any file of a catalogue, one by one, and a report of what was read or left out."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from whyalike.data.arrow import open_dataset, open_parquet
from whyalike.data.columns import ColumnChoice, choose_columns
from whyalike.data.items import Item, ItemMaker
from whyalike.data.json_rows import open_json
from whyalike.data.markup import has_markup
from whyalike.data.sheets import open_sheet
from whyalike.data.shops import Export, Shop, find_export, fold_rows, roles_in, spread_column
from whyalike.data.tables import RawRow, RowTable, open_delimited, open_lines
from whyalike.data.unpacking import name_inside, without_packing
from whyalike.errors import FormatError, OptionError
from whyalike.options import check_choice

if TYPE_CHECKING:
    from whyalike.data.arrow import AnyDataset


BAD_ROWS_SAID = 20
EXCERPT = 60

BROKEN_ENCODING = "broken encoding"
"""How the reason of a row begins that is not UTF-8."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was skipped: where it begins, why, and how it begins.

    ``line`` counts the lines of a text file as an editor does, and the rows of other formats; the
    first is 1.
    """

    line: int
    reason: str
    excerpt: str


@dataclass(slots=True)
class ReadReport:
    """What was read: grows row by row, and is whole when the last row was read.

    ``rows`` is always ``kept + folded + len(bad)``; blank lines are no rows. ``folded`` are rows
    that are part of another one's item: variants and pictures of a product. ``title_only`` and
    ``description_only`` count kept items that lack the other text, ``with_markup`` those that hold
    HTML, ``stripped`` those whose HTML gave way to its text. ``notes`` say what was assumed.
    """

    path: str = ""
    unit: Literal["line", "row"] = "line"
    columns: ColumnChoice | None = None
    rows: int = 0
    kept: int = 0
    folded: int = 0
    title_only: int = 0
    description_only: int = 0
    with_markup: int = 0
    stripped: int = 0
    bad: list[BadRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def say_notes(self) -> list[str]:
        """Return what was assumed and what is remarkable, a sentence each."""
        notes = [*([] if self.columns is None else self.columns.say()), *self.notes]
        if self.title_only:
            notes.append(f"{_counted(self.title_only, 'item has', 'items have')} a title only.")
        if self.description_only and self.columns is not None and self.columns.title is not None:
            said = _counted(self.description_only, "item has", "items have")
            notes.append(f"{said} a description only.")
        if broken := sum(one.reason.startswith(BROKEN_ENCODING) for one in self.bad):
            said = _counted(broken, "row is", "rows are")
            notes.append(f"{said} not in the file's encoding: say it with encoding= (--encoding).")
        if self.with_markup:
            said = _counted(self.with_markup, "item holds", "items hold")
            notes.append(f"{said} HTML; markup='strip' (--markup strip) takes it out.")
        if self.stripped:
            said = _counted(self.stripped, "item was written", "items were written")
            notes.append(
                f"{said} in HTML and read as text; markup='keep' (--markup keep) leaves it."
            )
        return notes

    def say_bad_rows(self, *, most: int = BAD_ROWS_SAID) -> list[str]:
        """Return a line for each of the first bad rows, and one that counts the others."""
        lines = [
            f"{self.unit} {one.line}: {one.reason}{': ' if one.excerpt else ''}{one.excerpt}"
            for one in self.bad[:most]
        ]
        more = len(self.bad) - most
        return [*lines, f"and {more:,} more"] if more > 0 else lines

    def __str__(self) -> str:
        """Return the report in a few lines; of many bad rows the first are shown."""
        return self.say()

    def say(self, *, most: int = BAD_ROWS_SAID) -> str:
        """Return the report in a few lines, with the first ``most`` bad rows."""
        head = f"{self.path or 'items'}: {_counted(self.rows, 'row', 'rows')}, {self.kept:,} kept"
        head += f", {self.folded:,} part of others" if self.folded else ""
        head += f", {len(self.bad):,} bad" if self.bad else ""
        bad = [f"  {line}" for line in self.say_bad_rows(most=most)]
        return "\n".join([head, *(f"  {note}" for note in self.say_notes()), *bad])

    def to_dict(self) -> dict[str, Any]:
        """Return the whole report, every bad row included, as plain JSON values."""
        return {
            "path": self.path,
            "unit": self.unit,
            "columns": None if self.columns is None else self.columns.to_dict(),
            "rows": self.rows,
            "kept": self.kept,
            "folded": self.folded,
            "title_only": self.title_only,
            "description_only": self.description_only,
            "with_markup": self.with_markup,
            "stripped": self.stripped,
            "bad": [
                {"line": one.line, "reason": one.reason, "excerpt": one.excerpt} for one in self.bad
            ],
            "notes": self.say_notes(),
        }


def begin(text: str) -> str:
    """Return how a text begins, on one line and with nothing that could command a terminal."""
    seen = "".join(
        character if character.isprintable() else " " if character.isspace() else "\ufffd"
        for character in text[: 4 * EXCERPT]
    )
    line = " ".join(seen.split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1].rstrip() + "…"


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"


Format = Literal["auto", "csv", "tsv", "json", "jsonl", "parquet", "xlsx", "ods", "txt", "dataset"]
Markup = Literal["auto", "keep", "strip"]

SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "xlsx",
    ".ods": "ods",
    ".parquet": "parquet",
    ".pq": "parquet",
}

MOST_BAD = 500_000
"""Bad rows that are noted, each with its reason."""

STRICT_SAYS = 5
"""Bad rows that the error of ``strict`` names."""


def stream_items(
    path: str | os.PathLike[str],
    *,
    format: Format = "auto",
    encoding: str | None = None,
    id: str | None = None,
    title: str | None = None,
    description: str | None = None,
    metadata: Sequence[str] | None = None,
    strict: bool = False,
    markup: Markup = "auto",
    shop: Shop = "auto",
    report: ReadReport | None = None,
) -> Iterator[Item]:
    """Read a catalogue item by item; no more is held than a batch of rows and the ids seen so far.

    Parameters
    ----------
    path : str | PathLike[str]
        A file, packed (.gz, .zst, .zip) or not, or the folder of a saved data set.
    format : Format, default='auto'
        What it is; ``"auto"`` goes by its name.
    encoding : str, optional
        Of a text file; None finds it, and says so where it is not UTF-8.
    id : str, optional
        The column of ids; None guesses, and numbers the rows where nothing looks like one.
    title : str, optional
        The column of titles; None guesses.
    description : str, optional
        The column of descriptions; None guesses.
    metadata : sequence of str, optional
        Columns to keep besides; None keeps all others.
    strict : bool, default=False
        Whether a bad row is an error; otherwise it is skipped and reported.
    markup : Markup, default='auto'
        Whether HTML in titles and descriptions stays as it is, or gives way to its text; by default
        to its text where it is a page's, and not a word in italics.
    shop : Shop, default='auto'
        The shop that wrote the file, in which several rows may be one product's; by default it is
        known by its columns. ``"none"`` takes each row by itself.
    report : ReadReport, optional
        Gets what became of every row, while the items are taken.

    Raises
    ------
    FormatError
        The file can't be read or holds no item; or, where ``strict``, a bad row.
    OptionError
        An option or a column that does not exist, or no column has texts.
    MissingExtraError
        The format needs a package that is not installed.
    """
    report = ReadReport() if report is None else report
    report.path = str(path)
    with open_table(Path(path), format, encoding=encoding) as table:
        yield from _walk(table, report, (id, title, description, metadata), strict, (markup, shop))


def stream_dataset(
    dataset: "AnyDataset",
    *,
    split: str | None = None,
    id: str | None = None,
    title: str | None = None,
    description: str | None = None,
    metadata: Sequence[str] | None = None,
    strict: bool = False,
    markup: Markup = "auto",
    shop: Shop = "auto",
    report: ReadReport | None = None,
) -> Iterator[Item]:
    """Read a Hugging Face data set item by item; as ``stream_items``.

    Parameters
    ----------
    dataset : AnyDataset
        The object, the folder of a saved one, or a name on the hub (needs the network).
    split : str, optional
        Which part of one that has several.
    id : str, optional
        As for ``stream_items``, and so are the others.
    title : str, optional
        See there.
    description : str, optional
        See there.
    metadata : sequence of str, optional
        See there.
    strict : bool, default=False
        See there.
    markup : Markup, default='auto'
        See there.
    shop : Shop, default='auto'
        See there.
    report : ReadReport, optional
        See there.

    Raises
    ------
    FormatError
        As ``stream_items``.
    OptionError
        As ``stream_items``; or no split was chosen where there are several.
    MissingExtraError
        Datasets is not installed.
    """
    report = ReadReport() if report is None else report
    report.path = dataset if isinstance(dataset, str) else "data set"
    table = open_dataset(dataset, split=split)
    yield from _walk(table, report, (id, title, description, metadata), strict, (markup, shop))


def open_table(
    path: Path, format: Format, *, encoding: str | None = None
) -> AbstractContextManager[RowTable]:
    """Yield the rows of a file, packed or not, or of the folder of a saved data set.

    ``encoding`` is that of a text file; None finds it.

    Raises
    ------
    FormatError
        It can't be read; also while it is.
    OptionError
        A format that there is not, ``"auto"`` and the name does not say it, or no such encoding.
    MissingExtraError
        The format needs a package that is not installed.
    """
    check_choice("format", format, get_args(Format))
    kind = _kind_of(path) if format == "auto" else format
    if kind == "dataset":
        return nullcontext(open_dataset(str(path)))
    if kind == "parquet":
        return open_parquet(path)
    if kind in ("xlsx", "ods"):
        return open_sheet(path)
    if kind in ("json", "jsonl"):
        return open_json(path, encoding=encoding)
    if kind == "txt":
        return open_lines(path, encoding=encoding)
    return open_delimited(path, delimiter="\t" if kind == "tsv" else ",", encoding=encoding)


def _kind_of(path: Path) -> Format:
    if path.is_dir():
        return "dataset"
    found = kind_by_name(path)
    if found is None:
        raise OptionError(
            f"The name of {path} does not say what it is; known are {', '.join(SUFFIXES)} "
            "(those of texts with .gz, .zst or .zip, too) and the folder of a saved data set: give "
            "format= (--format)."
        )
    return found


def kind_by_name(path: Path) -> Format | None:
    """Return what a table is by the name of its file, or None where that does not say it."""
    name = without_packing(path.name.lower())
    found = next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)
    if found is None and path.name.lower().endswith(".zip") and path.is_file():
        inside = without_packing(name_inside(path).lower())
        found = next((kind for suffix, kind in SUFFIXES.items() if inside.endswith(suffix)), None)
    return found


Wanted = tuple[str | None, str | None, str | None, Sequence[str] | None]


def _walk(
    table: RowTable, report: ReadReport, wanted: Wanted, strict: bool, written: tuple[Markup, Shop]
) -> Iterator[Item]:
    markup, shop = written
    check_choice("markup", markup, get_args(Markup))
    check_choice("shop", shop, get_args(Shop))
    export = find_export(table.columns, shop)
    spread = None if export is None else spread_column(export, table.columns)
    chosen = report.columns = _choose(table.columns, wanted, export, spread)
    if export is not None:
        report.notes.append(_say_export(export))
        folded = fold_rows(table.rows, export, report.columns, table.columns, spread=spread)
        if spread is not None:
            # Its parts stand for it, all of them or those that are asked for.
            whole = spread in chosen.metadata
            folded = folded if whole else (replace(row, added=_own(row, spread)) for row in folded)
            others = tuple(name for name in chosen.metadata if name != spread)
            chosen = replace(chosen, metadata=others)
        table = replace(table, rows=folded)
    maker = ItemMaker(
        chosen,
        typed=table.typed,
        markup=markup,
        decimal_comma=table.decimal_comma,
    )
    places: dict[str, int] = {}

    def make(row: RawRow) -> Item:
        item = maker.make(row, report.rows)
        first = places.setdefault(item.id, row.line)
        if first != row.line:
            raise FormatError(f"duplicate id {begin(item.id)!r}, first in {table.unit} {first}")
        _count(item, report)
        report.stripped = maker.stripped
        return item

    yield from make_of_rows(table, make, report=report, strict=strict, what="item")


def _own(row: RawRow, spread: str) -> tuple[str, ...]:
    return tuple(name for name in row.added if not name.startswith(f"{spread}."))


def _choose(
    columns: Sequence[str], wanted: Wanted, export: Export | None, spread: str | None
) -> ColumnChoice:
    id, title, description, metadata = wanted
    if spread is not None:
        asked_parts = [name for name in metadata or () if name.startswith(f"{spread}.")]
        columns = [*columns, *asked_parts]
    asked = {"id": id, "title": title, "description": description}
    known = {} if export is None else roles_in(export, columns)
    taken = {name for name in asked.values() if name is not None}
    guessed = tuple(
        role for role, column in known.items() if asked[role] is None and column not in taken
    )
    asked |= {role: known[role] for role in guessed}
    choice = choose_columns(columns, metadata=metadata, **asked)
    return replace(choice, guessed=(*guessed, *choice.guessed))


def _say_export(export: Export) -> str:
    return (
        f"An export of {export.says}: rows of variants and pictures are part of their product's; "
        "shop='none' (--shop none) takes each by itself."
    )


Made = TypeVar("Made")


def make_of_rows(
    table: RowTable,
    make: Callable[[RawRow], Made],
    *,
    report: ReadReport,
    strict: bool,
    what: str,
) -> Iterator[Made]:
    """Yield what is made of each row; those that nothing can be made of are reported.

    Parameters
    ----------
    table : RowTable
        What is read.
    make : Callable[[RawRow], Made]
        Raises FormatError, with the reason, where a row gives nothing.
    report : ReadReport
        Gets what became of every row.
    strict : bool
        Whether a bad row is an error; otherwise it is left out.
    what : str
        Is made, for errors.

    Raises FormatError where nothing is made of any row, too many rows are bad, or ``strict``.
    """
    report.unit = table.unit
    said = len(table.notes)
    report.notes.extend(table.notes)
    for row in table.rows:
        report.rows += 1 + len(row.folded)
        try:
            made = make(row)
        except FormatError as error:
            report.bad.append(BadRow(row.line, str(error), _excerpt(row)))
            report.bad += [
                BadRow(n, f"part of {table.unit} {row.line}, which is bad", "") for n in row.folded
            ]
            if len(report.bad) > MOST_BAD:
                first_bad = "; ".join(report.say_bad_rows(most=STRICT_SAYS))
                raise FormatError(
                    f"{report.path} has more than {MOST_BAD:,} bad rows, which is the most that "
                    f"are kept count of: is it what its name says? {first_bad}."
                ) from error
            if strict and len(report.bad) >= STRICT_SAYS:
                break
            continue
        report.kept += 1
        report.folded += len(row.folded)
        if not (strict and report.bad):
            yield made
    report.notes.extend(table.notes[said:])
    if strict and report.bad:
        raise FormatError(
            f"{report.path} has bad rows, and strict allows none: "
            f"{'; '.join(report.say_bad_rows())}. Mend them, or read without strict."
        )
    if not report.kept:
        bad = "; ".join(report.say_bad_rows(most=STRICT_SAYS))
        raise FormatError(f"{report.path} holds no {what}{': ' if bad else ''}{bad}.")


def _count(item: Item, report: ReadReport) -> None:
    report.title_only += not item.description
    report.description_only += not item.title
    report.with_markup += has_markup(item.description) or has_markup(item.title)


def _excerpt(row: RawRow) -> str:
    if row.excerpt:
        return begin(row.excerpt)
    return begin(", ".join(str(value) for value in row.values.values() if value is not None))
