"""What a row of the output says: the row that came, the score and what explains it, or an error."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from whyalike.batch.source import Kind, PairRow
from whyalike.errors import OptionError
from whyalike.explanation import ExplainedText, Explanation

if TYPE_CHECKING:
    import pyarrow as pa

RowField = Literal["score", "verdict", "pairs", "words", "warnings", "texts", "full"]
"""What may be asked for of an explanation.

- score: the similarity
- verdict: what it means and what carries it, in a sentence
- pairs: the selected word pairs, best first, with their places in the texts
- words: every word that the model read, with its saliency and its contribution
- warnings: what a reader must know
- texts: both texts as they were explained
- full: the whole explanation, as ``Explanation.to_dict`` gives it
"""

DEFAULT: tuple[RowField, ...] = ("score", "verdict", "pairs", "words", "warnings")
ALL = "all"

COLUMNS: Mapping[RowField, tuple[str, ...]] = {
    "score": ("score",),
    "verdict": ("verdict",),
    "pairs": ("pairs",),
    "words": ("left_words", "right_words"),
    "warnings": ("warnings",),
    "texts": ("left_text", "right_text"),
    "full": ("explanation",),
}
"""The columns of each field."""

NUMBER, ERROR = "row", "error"
OWN = (NUMBER, *(name for names in COLUMNS.values() for name in names), ERROR)
"""The names of our columns, which no kept one has."""


def chosen_fields(fields: Sequence[str] | None) -> tuple[RowField, ...]:
    """Return the fields that were asked for, each once, in the order of the columns.

    Raises
    ------
    OptionError
        There is no such field, or none is asked for.
    """
    if fields is None:
        return DEFAULT
    known: tuple[RowField, ...] = get_args(RowField)
    if isinstance(fields, str) or not fields or set(fields) - {*known, ALL}:
        raise OptionError(
            f"fields is {fields!r}; give a list of some of {', '.join(known)}, or of {ALL!r}."
        )
    return known if ALL in fields else tuple(name for name in known if name in fields)


def output_names(kept: Sequence[str]) -> dict[str, str]:
    """Return what each kept column is called in the output: as it was, unless that name is ours."""
    names: dict[str, str] = {}
    for name in kept:
        new = name
        while new in OWN or new in names.values() or (new != name and new in kept):
            new = f"input_{new}"
        names[name] = new
    return names


def make_row(
    row: PairRow,
    kept: Mapping[str, object],
    explanation: Explanation | None,
    fields: Sequence[RowField],
    error: str,
) -> dict[str, Any]:
    """Return a row of the output; every row has every column.

    Parameters
    ----------
    row : PairRow
        The row that came.
    kept : Mapping[str, object]
        Its values by their names in the output.
    explanation : Explanation | None
        What explains it; None where there is an error.
    fields : sequence of RowField
        What is said of the explanation.
    error : str
        Why there is none, or nothing.
    """
    found: dict[str, Any] = {NUMBER: row.number, **kept}
    for field in fields:
        values = [None] * len(COLUMNS[field]) if explanation is None else _say(explanation, field)
        found.update(zip(COLUMNS[field], values, strict=True))
    found[ERROR] = error or None
    return found


def _say(explanation: Explanation, field: RowField) -> list[Any]:
    left, right = explanation.left, explanation.right
    if field == "score":
        return [explanation.similarity]
    if field == "verdict":
        return [explanation.verdict]
    if field == "pairs":
        return [[_pair(explanation, n) for n in range(len(explanation.pairs))]]
    if field == "words":
        return [_words(left), _words(right)]
    if field == "warnings":
        return [list(explanation.warnings)]
    return [left.text, right.text] if field == "texts" else [explanation.to_dict()]


def _pair(explanation: Explanation, place: int) -> dict[str, Any]:
    pair = explanation.pairs[place]
    left, right = explanation.left.words[pair.left], explanation.right.words[pair.right]
    return {
        "left": left.text,
        "right": right.text,
        "score": pair.score,
        "similarity": pair.similarity,
        "left_start": left.start,
        "left_end": left.end,
        "right_start": right.start,
        "right_end": right.end,
    }


def _words(side: ExplainedText) -> list[dict[str, Any]]:
    return [
        {
            "text": word.text,
            "start": word.start,
            "end": word.end,
            "saliency": word.saliency,
            "contribution": word.contribution,
        }
        for word in side.words
    ]


def arrow_schema(kept: Mapping[str, Kind], fields: Sequence[RowField]) -> "pa.Schema":
    """Return the types of the columns; ``kept`` by their names in the output."""
    import pyarrow as pa

    kinds = {
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "text": pa.string(),
    }
    places = [(name, pa.int32()) for name in ("left_start", "left_end", "right_start", "right_end")]
    pair = pa.struct(
        [
            ("left", pa.string()),
            ("right", pa.string()),
            ("score", pa.float64()),
            ("similarity", pa.float64()),
            *places,
        ]
    )
    word = pa.struct(
        [
            ("text", pa.string()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("saliency", pa.float64()),
            ("contribution", pa.float64()),
        ]
    )
    types = {
        "score": pa.float64(),
        "pairs": pa.list_(pair),
        "left_words": pa.list_(word),
        "right_words": pa.list_(word),
        "warnings": pa.list_(pa.string()),
    }
    ours = [name for field in fields for name in COLUMNS[field]]
    return pa.schema(
        [
            (NUMBER, pa.int64()),
            *((name, kinds[kind]) for name, kind in kept.items()),
            *((name, types.get(name, pa.string())) for name in ours),
            (ERROR, pa.string()),
        ]
    )
