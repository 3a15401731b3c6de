"""Hugging Face data sets: an object, a folder that ``save_to_disk`` made, or a name on the hub."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from whyalike.catalogue.reading.arrow import ROWS_AT_ONCE, say_left_out, walk_batches
from whyalike.catalogue.reading.rows import RawRow, RowTable, check_width
from whyalike.errors import FormatError, MissingExtraError, OptionError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

    Loaded: TypeAlias = Dataset | IterableDataset
    AnyDataset: TypeAlias = str | Loaded | DatasetDict | IterableDatasetDict


def open_dataset(dataset: "AnyDataset", *, split: str | None = None) -> RowTable:
    """Return the rows of a data set; columns of pictures, sound and the like are left out.

    Args:
        dataset: the object, the path of a saved one, or a name on the hub (needs the network).
        split: which part of one that has several.

    Raises:
        FormatError: there is no such data set, or it can't be read.
        OptionError: it is no data set, or no split was chosen where there are several.
        MissingExtraError: datasets is not installed.
    """
    loaded = _choose_split(_load(dataset) if isinstance(dataset, str) else dataset, split)
    check_width(len(loaded.column_names or ()), "The data set")
    labels, left_out = _look_at_features(loaded)
    if left_out:
        loaded = loaded.remove_columns(left_out)
    rows = _walk(loaded, labels)
    columns = loaded.column_names
    if columns is None:
        # A stream tells its columns by its first row alone.
        first: dict[str, Any] = next(iter(loaded), {})
        columns = list(first)
    return RowTable(
        columns=tuple(columns), rows=rows, typed=True, unit="row", notes=say_left_out(left_out)
    )


def _load(name: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("Reading a data set", "datasets", "catalogue") from error
    datasets.disable_progress_bars()
    try:
        if Path(name).is_dir():
            return datasets.load_from_disk(name)
        return datasets.load_dataset(name)
    except (OSError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())[:200]
        raise FormatError(
            f"Could not load the data set {name!r} ({said}). Give a file, a folder that "
            "save_to_disk made, or a name on the hub."
        ) from error


def _choose_split(loaded: Any, split: str | None) -> "Loaded":
    if not hasattr(loaded, "column_names") or not hasattr(loaded, "remove_columns"):
        raise OptionError(
            f"A {type(loaded).__name__} is no data set: give a Dataset, a folder or a name."
        )
    parts = dict(loaded) if isinstance(loaded, dict) else {}
    if not parts:
        if split is not None:
            raise OptionError(f"split is {split!r}, but this data set is one split: leave it out.")
        return loaded
    chosen = split if split is not None or len(parts) > 1 else next(iter(parts))
    if chosen not in parts:
        raise OptionError(f"split is {split!r}; allowed: {', '.join(map(repr, parts))}.")
    return parts[chosen]


def _look_at_features(loaded: "Loaded") -> tuple[dict[str, Any], list[str]]:
    """Return the columns of classes with what names them, and those that are left out."""
    labels: dict[str, Any] = {}
    left_out = []
    for name, feature in (loaded.features or {}).items():
        kind = type(feature).__name__
        if kind == "ClassLabel":
            labels[name] = feature
        elif kind in ("Image", "Audio", "Video", "Pdf") or "binary" in str(
            getattr(feature, "dtype", "")
        ):
            left_out.append(name)
    return labels, left_out


def _walk(loaded: "Loaded", labels: dict[str, Any]) -> Iterator[RawRow]:
    batches = loaded.with_format("arrow").iter(batch_size=ROWS_AT_ONCE)
    for row in walk_batches(batches):
        values = dict(row.values)
        for name, feature in labels.items():
            code = values.get(name)
            if isinstance(code, int):
                # -1 stands for "no label".
                values[name] = feature.int2str(code) if code >= 0 else None
        yield RawRow(row.line, values, row.problem, row.excerpt)
