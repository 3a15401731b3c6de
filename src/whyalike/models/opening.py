"""What a user gives as a model becomes a scorer: kinds are asked in turn whether they take it."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from whyalike.errors import OptionError
from whyalike.models.labels import Label
from whyalike.models.locating import find_model
from whyalike.models.pipeline import Pooling
from whyalike.models.scorer import Scorer
from whyalike.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a model is loaded and read, as ``Explainer`` takes it."""

    pooling: Pooling = "auto"
    device: str | None = None
    trust_remote_code: bool = False
    allow_pickle: bool = False
    label: Label | None = None

    def refuse(self, *, what: str, **others: bool) -> None:
        """Raise OptionError if anything is asked for, where nothing is loaded.

        Parameters
        ----------
        what : str
            Begins the sentence: where that is.
        **others : bool
            Whether other arguments are given, which are refused too.
        """
        own = {each.name: getattr(self, each.name) != each.default for each in fields(self)}
        if wrong := [name for name, given in {**others, **own}.items() if given]:
            raise OptionError(
                f"{what} there is no other model to load or to pool: leave out {', '.join(wrong)}."
            )


Open = Callable[[object, Opening], Scorer]


@dataclass(frozen=True, slots=True)
class ScorerKind:
    """A kind of scorer.

    name: in errors. takes: whether it opens an object, without loading anything. open: makes a
    scorer of it. last: it is asked after all others. labels: its models may have several labels,
    of which the user chooses one.
    """

    name: str
    takes: Callable[[object], bool]
    open: Open
    last: bool = False
    labels: bool = False


KINDS: Registry[ScorerKind] = Registry(
    "kind of scorer", package="whyalike.models.kinds", group="whyalike.scorers"
)


def register_kind(
    name: str,
    *,
    takes: Callable[[object], bool] = lambda _: True,
    last: bool = False,
    labels: bool = False,
) -> Callable[[Open], Open]:
    """Return a decorator that makes a function the opener of a kind of scorer.

    Parameters
    ----------
    name : str
        Of the kind.
    takes : callable, optional
        From what a user gives as a model to whether it is of this kind; by default it always is.
    last : bool, default=False
        Ask it after all others. It then says why an object is no model at all.
    labels : bool, default=False
        Its opener goes by ``Opening.label``, which is refused for any other kind.

    Raises
    ------
    OptionError
        The name is taken.
    """

    def decorate(open: Open) -> Open:
        KINDS.add(name, ScorerKind(name, takes, open, last, labels), maker=open.__module__)
        return open

    return decorate


_NO_LABELS = (
    "label is {label!r}, and this model is opened as a scorer of the kind {kind!r}, which has no "
    "labels: leave label out. It goes with cross-encoders and classifiers of several labels."
)


def open_scorer(source: object, opening: Opening) -> Scorer:
    """Return a scorer of what a user gives as a model, by the first kind that takes it.

    Kinds are asked in the order in which they were registered, those of a package by their files'
    names.

    Raises
    ------
    ModelNotFoundError, UnsafeModelError, ModelError
        No kind takes it, or the model is not available or can't be used.
    OptionError
        Something is asked for that the kind has no use for.
    """
    kinds = sorted(KINDS.all().values(), key=lambda kind: kind.last)
    kind = next(kind for kind in kinds if kind.takes(source))
    if kind.last and isinstance(source, str | Path):
        # What kind of model a name stands for is known once its files are here.
        find_model(str(source), allow_pickle=opening.allow_pickle)
        kind = next(kind for kind in kinds if kind.takes(source))
    # The last kind says of what is no model at all why it is none.
    if opening.label is not None and not kind.labels and not kind.last:
        raise OptionError(_NO_LABELS.format(label=opening.label, kind=kind.name))
    return kind.open(source, opening)
