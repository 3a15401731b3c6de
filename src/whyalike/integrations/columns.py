"""Data frames of any kind: two columns of texts in, columns of reasons out."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from whyalike.batch.pieces import explain_each
from whyalike.batch.rows import COLUMNS, ERROR, RowField, chosen_fields, make_row
from whyalike.batch.source import PairRow
from whyalike.errors import ModelError, OptionError
from whyalike.explainer import LOOKAHEAD
from whyalike.explanation import Explanation
from whyalike.integrations.reasons import open_explainer

if TYPE_CHECKING:
    from whyalike.integrations.reasons import Model

USUAL: tuple[RowField, ...] = ("score", "verdict", "pairs")


def explain_columns(
    left: Iterable[object],
    right: Iterable[object],
    *,
    model: "Model" = None,
    method: str | None = None,
    fields: Sequence[str] = USUAL,
    check: int = 0,
) -> dict[str, list[Any]]:
    """Explain two columns of texts row by row, and return the columns that come of it.

    ``df.assign(**explain_columns(df["query"], df["text"]))`` adds them to a data frame of pandas,
    ``df.hstack(polars.DataFrame(explain_columns(df["query"], df["text"])))`` to one of polars.

    Parameters
    ----------
    left : iterable
        The left texts: a column, a list. What is no text, or blank, has an error in its row.
    right : iterable
        The right texts, as many.
    model : Explainer, or what one is made of, optional
        What explains; load it once for several calls.
    method : str, optional
        A registered method; by default the Explainer's.
    fields : sequence of str, default=('score', 'verdict', 'pairs')
        What is said of a pair; see ``whyalike.batch.rows.RowField``.
    check : int, default=0
        As of ``Explainer.explain``.

    Returns
    -------
    dict[str, list]
        The columns by name, each as long as the two; last ``error``, None where there is none.

    Raises
    ------
    OptionError
        Columns of different lengths, a whole frame, or a field that there is not.
    ModelError
        A function of the user's fails, or the model can explain none of the first pairs.
    """
    for side, column in (("left", left), ("right", right)):
        if isinstance(column, str) or hasattr(column, "columns"):
            raise OptionError(
                f"{side} is of type {type(column).__name__}; give a column of texts, such as "
                'df["text"].'
            )
    lefts, rights = list(left), list(right)
    if len(lefts) != len(rights):
        raise OptionError(
            f"left has {len(lefts):,} rows and right {len(rights):,}: give columns of one frame."
        )
    chosen, explainer = chosen_fields(fields), open_explainer(model, method)
    names = [*(name for field in chosen for name in COLUMNS[field]), ERROR]
    found: dict[str, list[Any]] = {name: [] for name in names}
    size = LOOKAHEAD * explainer.batch_size
    explained = False
    for start in range(0, len(lefts), size):
        pairs = list(zip(lefts[start : start + size], rights[start : start + size], strict=True))
        reasons = [_why_not(*pair) for pair in pairs]
        good = [(str(a), str(b)) for (a, b), why in zip(pairs, reasons, strict=True) if not why]
        results = list(explain_each(explainer, good, check=check))
        failures = [one for one in results if isinstance(one, ModelError)]
        if failures and not explained and len(failures) == len(results):
            raise failures[0]
        rest = iter(results)
        for why in reasons:
            one = why or next(rest)
            is_good = isinstance(one, Explanation)
            explained = explained or is_good
            explanation = one if isinstance(one, Explanation) else None
            row = make_row(
                PairRow(0, "", None, {}), {}, explanation, chosen, "" if is_good else str(one)
            )
            for name in names:
                found[name].append(row[name])
    return found


def _why_not(left: object, right: object) -> str:
    """Return why a pair is none, or nothing."""
    for side, text in (("left", left), ("right", right)):
        if not isinstance(text, str):
            return f"The {side} text is of type {type(text).__name__}, not str."
        if not text.strip():
            return f"The {side} text is blank."
    return ""
