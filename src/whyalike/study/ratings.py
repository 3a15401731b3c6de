"""Ratings of a study, as arrays by rater and stimulus."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.documents import shown
from whyalike.errors import FormatError, OptionError
from whyalike.study.design import plan
from whyalike.study.model import Check, Practice, Stimulus, Study

if TYPE_CHECKING:
    from whyalike.study.engine import RatingRow
    from whyalike.study.storage import Storage


Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class RatingTable:
    """Columns of equal length N, one row for each rating, by rater, position and time.

    rater: number of the rater, from 0.
    name: what the rater is called, or "".
    simulated: whether no human gave it.
    position: on which screen, from 0.
    kind: "practice", "item", "check" or "repeat".
    stimulus: id of what was shown.
    sample: which pair of texts, from 0; -1 for practice and for checks.
    method: which method explained it; "" for practice and for checks.
    value: 1 to 5.
    low, high: where the answer to a check or to practice should be; 0 for items and repeats.
    repeat_of: for a repeat, the position of its first showing; otherwise -1.
    seconds: from the showing to the answer; NaN where unknown.
    answered_at: ISO 8601, UTC, or "" where unknown.
    comment: the rater's own words, or "".
    current: False where the rater gave another answer later.
    """

    rater: Integers
    name: Texts
    simulated: Flags
    position: Integers
    kind: Texts
    stimulus: Texts
    sample: Integers
    method: Texts
    value: Integers
    low: Integers
    high: Integers
    repeat_of: Integers
    seconds: Floats
    answered_at: Texts
    comment: Texts
    current: Flags

    def __post_init__(self) -> None:
        """Refuse columns of unequal length."""
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) > 1:
            raise FormatError(f"The columns are of unequal length: {lengths}.")

    def __len__(self) -> int:
        """Return N, the number of ratings."""
        return len(self.rater)

    def where(self, rows: Flags | Integers) -> Self:
        """Return the rows of a mask (N,), or of indices in their order."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @property
    def items(self) -> Self:
        """The ratings that count for a method: of items, the latest of each."""
        return self.where((self.kind == "item") & self.current)

    @property
    def has_simulated(self) -> bool:
        """Whether any rating was given by no human."""
        return bool(self.simulated.any())


INTEGERS = ("rater", "position", "sample", "value", "low", "high", "repeat_of")
FLAGS = ("simulated", "current")
COLUMNS = tuple(field.name for field in fields(RatingTable))


def table_of(rows: list[dict[str, object]]) -> RatingTable:
    """Return the rows as a table. Each row has every column by its name, as Python values.

    Raises
    ------
    FormatError
        A value that its column does not hold: SQLite keeps whatever is written.
    """

    def column(name: str) -> NDArray[np.generic]:
        values = [row[name] for row in rows]
        kind: Any = np.str_
        if name in INTEGERS:
            kind = np.int64
        elif name in FLAGS:
            kind = np.bool_
        elif name == "seconds":
            kind = np.float64
        elif wrong := [value for value in values if not isinstance(value, str)]:
            raise FormatError(f"The ratings are damaged: {name} is {shown(wrong[0])}.")
        try:
            return np.array(values, dtype=kind)
        except (ValueError, TypeError, OverflowError) as error:
            raise FormatError(f"The ratings are damaged: {name}: {error}.") from error

    return RatingTable(**{name: column(name) for name in COLUMNS})  # type: ignore[arg-type]


def from_storage(study: Study, storage: "Storage", *, history: bool = False) -> RatingTable:
    """Return what was rated, un-blinded.

    Parameters
    ----------
    study : Study
        Which says what stood on each screen.
    storage : Storage
        Of this study.
    history : bool, default=False
        Whether answers that were changed later come too, ``current`` being False.

    Raises
    ------
    FormatError
        A rating is of something else than the study's plan has there.
    StorageError
        The database can't be read.
    """
    plans = {}
    found = []
    for row in storage.all_ratings(history=history):
        if row.rater_number not in plans:
            plans[row.rater_number] = plan(study, row.rater_number)
        tasks = plans[row.rater_number]
        known = type(row.position) is int and 0 <= row.position < len(tasks)
        task = tasks[row.position] if known else None
        if task is None or task.stimulus_id != row.stimulus_id:
            raise FormatError(
                f"Rater {row.rater_number}'s rating at position {shown(row.position)} is of "
                f"{shown(row.stimulus_id)}, which the plan does not have there: these ratings are "
                "of another study, or study.json was changed."
            )
        stimulus = study.shown(task.stimulus_id)
        repeat_of = -1 if task.repeat_of is None else task.repeat_of
        found.append(_row(row, stimulus) | {"kind": task.kind, "repeat_of": repeat_of})
    return table_of(found)


def _row(row: "RatingRow", shown: Stimulus | Practice | Check) -> dict[str, object]:
    known = (
        {"sample": shown.sample, "method": shown.method, "low": 0, "high": 0}
        if isinstance(shown, Stimulus)
        else {"sample": -1, "method": "", "low": shown.low, "high": shown.high}
    )
    return known | {
        "rater": row.rater_number,
        "name": row.rater_name,
        "simulated": row.simulated,
        "position": row.position,
        "stimulus": row.stimulus_id,
        "value": row.value,
        "seconds": math.nan if row.seconds is None else row.seconds,
        "answered_at": "" if row.answered_at is None else row.answered_at.isoformat(),
        "comment": row.comment,
        "current": row.current,
    }


@dataclass(frozen=True, eq=False)
class Panel:
    """The ratings that count, R judges by S samples by M methods.

    values: (R, S, M), 1 to 5, NaN where a judge gave no rating.
    judges: (R,), their numbers. samples: (S,), theirs. methods: (M,), names.
    """

    values: Floats
    judges: tuple[int, ...]
    samples: tuple[int, ...]
    methods: tuple[str, ...]

    @property
    def by_stimulus(self) -> Floats:
        """The ratings of each stimulus (a sample explained by a method), (R, S·M)."""
        return self.values.reshape(len(self.judges), -1)

    def without(self, judges: Sequence[int]) -> "Panel":
        """Return the panel without these judges; a sample that then has no rating stays."""
        kept = [place for place, judge in enumerate(self.judges) if judge not in set(judges)]
        numbers = tuple(self.judges[place] for place in kept)
        return Panel(self.values[kept], numbers, self.samples, self.methods)


def panel_of(table: RatingTable, *, methods: Sequence[str] | None = None) -> Panel:
    """Return the latest ratings of items as a block; practice, checks and repeats don't count.

    Parameters
    ----------
    table : RatingTable
        Of a study.
    methods : sequence of str, optional
        The order to report them in; by default the order of their names.

    Raises
    ------
    OptionError
        There are no ratings of items, ``methods`` lacks one that was rated, or a judge has two
        current ratings of one stimulus.
    """
    items = table.items
    if not len(items):
        raise OptionError(
            "There are no ratings of items yet: let the judges rate, or run `whyalike study "
            "simulate` to see what a report looks like."
        )
    names = tuple(sorted(set(items.method.tolist()))) if methods is None else tuple(methods)
    if missing := sorted(set(items.method.tolist()) - set(names)):
        raise OptionError(f"There are ratings of {', '.join(missing)} too: name all methods.")
    judges, row = np.unique(items.rater, return_inverse=True)
    samples, column = np.unique(items.sample, return_inverse=True)
    depth = np.array([names.index(name) for name in items.method.tolist()], dtype=np.int64)
    values = np.full((len(judges), len(samples), len(names)), np.nan)
    cells = np.ravel_multi_index((row, column, depth), values.shape)
    if len(np.unique(cells)) < len(cells):
        raise OptionError("A judge has two current ratings of one stimulus; only one can count.")
    values.ravel()[cells] = items.value
    return Panel(values, tuple(judges.tolist()), tuple(samples.tolist()), names)


def average(sums: Floats, counts: NDArray[np.integer[Any]] | Floats) -> Floats:
    """Return sums / counts of equal shape, NaN where nothing was counted."""
    found = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=found, where=counts > 0)
    return found
