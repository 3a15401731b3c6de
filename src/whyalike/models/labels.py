"""Which label of a classifier of pairs is explained: by its name, or by its number from 0."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from whyalike.errors import ModelError, OptionError

MOST_NAMED = 12
"""Labels that an error names."""

Label = int | str
"""A label's number from 0, or its name in the model's ``id2label``."""


def label_names(count: int, config: Any) -> tuple[str, ...]:
    """Return the names of a model's labels, their numbers where its configuration names others."""
    known = getattr(config, "id2label", None)
    if not isinstance(known, Mapping) or len(known) != count:
        return tuple(map(str, range(count)))
    return tuple(str(known.get(number, number)) for number in range(count))


def choose_label(label: Label | None, names: Sequence[str], *, model: str) -> int:
    """Return the number of the label whose logit is explained.

    Parameters
    ----------
    label : int or str, optional
        What was asked for. A text is a name, whatever its case, and else a number.
    names : sequence of str
        Of all labels.
    model : str
        What to call the model in an error.

    Raises
    ------
    ModelError
        Several labels, and none is chosen.
    OptionError
        No label of the model; or one is chosen where there is nothing to choose.
    """
    if len(names) == 1:
        if label is not None:
            raise OptionError(
                f"label is {label!r}, and {model} has one score alone: leave label out."
            )
        return 0
    if label is None:
        raise ModelError(
            f"{model} has {len(names)} labels, and a score is one number: say whose logit is "
            f"explained by label= (--label, --rerank-label), a name or a number from 0, such as "
            f"label={names[0]!r}. Its labels: {_listed(names)}."
        )
    number = _find(label, names)
    if number is None:
        raise OptionError(
            f"label is {label!r}, which is no label of {model}: choose one of {_listed(names)}, "
            f"or a number from 0 to {len(names) - 1}."
        )
    return number


def _find(label: object, names: Sequence[str]) -> int | None:
    if isinstance(label, str):
        if names.count(label) == 1:
            return names.index(label)
        folded = [name.casefold() for name in names]
        if folded.count(label.casefold()) == 1:
            return folded.index(label.casefold())
        # Compared as text: Python reads no number of thousands of digits.
        return next((n for n in range(len(names)) if str(n) == label), None)
    whole = isinstance(label, int | np.integer) and not isinstance(label, bool)
    if whole and 0 <= int(cast("int", label)) < len(names):
        return int(cast("int", label))
    return None


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
