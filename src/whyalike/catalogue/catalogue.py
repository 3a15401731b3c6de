"""A catalogue in memory: its items, and the report of how they were read."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, get_args

from whyalike.data.items import Item
from whyalike.data.shops import Shop
from whyalike.data.stream import Format, Markup, ReadReport, stream_dataset, stream_items
from whyalike.data.unpacking import without_packing
from whyalike.errors import OptionError
from whyalike.options import check_choice

if TYPE_CHECKING:
    from whyalike.data.arrow import AnyDataset

Example = Literal["fashion", "wine", "help"]


@dataclass(frozen=True, repr=False)
class Catalogue:
    """Items with ids that are all different, in the order in which they were read.

    Walking it gives the items; ``catalogue[id]`` is one of them. ``report`` says what became of
    every row of the file, and what was guessed.

    Raises
    ------
    OptionError
        Two items have one id.
    """

    items: tuple[Item, ...]
    report: ReadReport
    name: str
    _places: dict[str, int] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Note where each id stands."""
        places: dict[str, int] = {}
        for place, item in enumerate(self.items):
            if places.setdefault(item.id, place) != place:
                raise OptionError(f"Two items have the id {item.id!r}: give each one of its own.")
        object.__setattr__(self, "_places", places)

    @classmethod
    def read(
        cls,
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
    ) -> Self:
        """Read CSV, TSV, JSON, Parquet, XLSX, ODS or a saved data set; see ``stream_items``.

        Parameters
        ----------
        path : str | PathLike[str]
            A file, packed or not, or the folder of a saved data set.
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
            Whether HTML in the texts stays as it is, or gives way to its text; by default to its
            text where it is a page's.
        shop : Shop, default='auto'
            The shop that wrote the file, in which several rows may be one product's; by default it
            is known by its columns. ``"none"`` takes each row by itself.

        Raises
        ------
        FormatError
            The file can't be read or holds no item; or, where ``strict``, a bad row.
        OptionError
            An option or a column that does not exist, or no column has texts.
        MissingExtraError
            The format needs a package that is not installed.
        """
        report = ReadReport()
        items = stream_items(
            path,
            format=format,
            encoding=encoding,
            id=id,
            title=title,
            description=description,
            metadata=metadata,
            strict=strict,
            markup=markup,
            shop=shop,
            report=report,
        )
        return cls(items=tuple(items), report=report, name=name_of(Path(path)))

    @classmethod
    def from_dataset(
        cls,
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
        name: str | None = None,
    ) -> Self:
        """Read a Hugging Face data set: the object, a saved one, or a name on the hub.

        Parameters
        ----------
        dataset : AnyDataset
            What to read; a name on the hub needs the network.
        split : str, optional
            Which part of one that has several.
        id : str, optional
            As for ``read``, and so are the others.
        title : str, optional
            See ``read``.
        description : str, optional
            See ``read``.
        metadata : sequence of str, optional
            See ``read``.
        strict : bool, default=False
            See ``read``.
        markup : Markup, default='auto'
            See ``read``.
        shop : Shop, default='auto'
            See ``read``.
        name : str, optional
            Of the catalogue; by default the data set's, as far as it has one.

        Raises
        ------
        FormatError
            As ``read``.
        OptionError
            As ``read``; or no split was chosen where there are several.
        MissingExtraError
            Datasets is not installed.
        """
        report = ReadReport()
        items = stream_dataset(
            dataset,
            split=split,
            id=id,
            title=title,
            description=description,
            metadata=metadata,
            strict=strict,
            markup=markup,
            shop=shop,
            report=report,
        )
        called = name or (Path(dataset).name if isinstance(dataset, str) else "items")
        return cls(items=tuple(items), report=report, name=called)

    @classmethod
    def from_items(cls, items: Iterable[Item], *, name: str = "items") -> Self:
        """Make a catalogue of items. Raises OptionError where two have one id."""
        gathered = tuple(items)
        report = ReadReport(path=name, unit="row", rows=len(gathered), kept=len(gathered))
        report.title_only = sum(not item.description for item in gathered)
        report.description_only = sum(not item.title for item in gathered)
        return cls(items=gathered, report=report, name=name)

    @classmethod
    def example(cls, name: Example) -> Self:
        """Return a catalogue that comes with whyalike: 60 pieces of clothing, or 60 wines.

        ``"help"`` are 34 articles of a help centre, for which ``help-queries.jsonl`` beside them
        has queries.

        Raises OptionError on another name.
        """
        check_choice("example", name, get_args(Example))
        with as_file(files("whyalike.catalogue") / "examples" / f"{name}.csv") as path:
            return cls.read(path)

    def __repr__(self) -> str:
        """Return one line."""
        return f"Catalogue({self.name!r}, {len(self):,} item{'s' * (len(self) != 1)})"

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        """Walk the items, in the order in which they were read."""
        return iter(self.items)

    def __getitem__(self, id: str) -> Item:
        """Return the item of that id. Raises OptionError where there is none."""
        if id not in self._places:
            near = get_close_matches(str(id), self._places, n=3)
            hint = f" Near: {', '.join(map(repr, near))}." if near else ""
            raise OptionError(f"No item of {self.name} has the id {id!r}.{hint}")
        return self.items[self._places[id]]


def name_of(path: Path) -> str:
    """Return what a catalogue from that file is called."""
    name = without_packing(path.name)
    return Path(name).stem or str(path)
