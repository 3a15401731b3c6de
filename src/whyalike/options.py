"""Options of methods: each is declared once, with its range, unit, cost and meaning.

A method says by a class which options it has; the command line (``-O name=value``), the HTTP API
and the documentation read the declarations. The options of the methods that come with whyalike are
declared here, where the models and the documents see them; any other method declares its own
beside it::

    @dataclass(frozen=True, kw_only=True)
    class MineOptions(MethodOptions):
        depth: int = option(3, meaning="How deep to look.", least=1, unit="layers")
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from types import UnionType
from typing import Any, Literal, Self, Union, get_args, get_origin, get_type_hints, overload

from whyalike.errors import OptionError

Activation = Literal["token+position", "token", "token+position+segment", "after_norm"]
Rectifier = Literal["before_sum", "after_sum", "none"]
GradientNorm = Literal["relu", "l2"]
Baseline = Literal["zero", "pad", "mask"]
Objective = Literal["similarity", "dot"]
WordKind = Literal["text", "pretoken", "token"]
Perturbation = Literal["drop", "mask"]
Matching = Literal["nearest", "mutual", "soft"]
Selection = Literal["clusters", "content"]
LongText = Literal["truncate", "error", "windows", "chunks"]
ChunkScore = Literal["max", "mean"]
UnitKind = Literal["word", "phrase", "sentence"]
"""What an explanation is broken down to."""
OptionValue = str | bool | int | float | None


def check_choice(name: str, value: object, allowed: Sequence[str]) -> None:
    """Raise OptionError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise OptionError(f"{name} is {value!r}; allowed: {', '.join(map(repr, allowed))}.")


def check_whole(name: str, value: object, *, least: int = 1) -> None:
    """Raise OptionError unless ``value`` is a whole number from ``least`` on."""
    if type(value) is not int or value < least:
        raise OptionError(f"{name} is {value!r}; give a whole number from {least} on.")


@dataclass(frozen=True, slots=True)
class Chunks:
    """How texts are read chunk by chunk, as engines store long ones.

    Attributes
    ----------
    size : int, optional
        Tokens of a chunk at most, special ones and the prompt not counted; None is what the model
        reads at once.
    overlap : int, default=0
        Tokens that a chunk shares with the one before, at most.
    score : str, default='max'
        What becomes of the scores of all pairs of a left and a right chunk: ``"max"`` or
        ``"mean"``.
    """

    size: int | None = None
    overlap: int = 0
    score: ChunkScore = "max"


@dataclass(frozen=True, slots=True)
class Declared:
    """What is declared of an option.

    Attributes
    ----------
    name : str
        The name of the field.
    kind : type
        ``str`` (a choice, or any text), ``bool``, ``int`` or ``float``.
    default : OptionValue
        The value where none is given.
    meaning : str
        What it does, for users.
    choices : tuple[str, ...], default=()
        The allowed values of a choice; otherwise empty.
    optional : bool, default=False
        Whether None is allowed: the method's own choice.
    least : float, optional
        The least number that is allowed.
    above : float, optional
        A bound below the numbers that are allowed.
    most : float, optional
        The greatest number that is allowed.
    served : int, optional
        The greatest number that a server takes from a client.
    unit : str, default=''
        What a number counts.
    cost : str, default=''
        How the cost of an explanation grows with it; empty where it does not.
    row : int, optional
        The row of ``docs/reading-of-the-paper.md`` that it belongs to.
    where_known : bool, default=False
        Whether documents leave it out where it is the default: documents of version 1 lack it.
    """

    name: str
    kind: type
    default: OptionValue
    meaning: str
    choices: tuple[str, ...] = ()
    optional: bool = False
    least: float | None = None
    above: float | None = None
    most: float | None = None
    served: int | None = None
    unit: str = ""
    cost: str = ""
    row: int | None = None
    where_known: bool = False

    def check(self, value: object) -> None:
        """Raise OptionError on a value that is not allowed."""
        if value is None and self.optional:
            return
        if self.choices:
            check_choice(self.name, value, self.choices)
        elif not self._is_kind(value) or not self._is_in_range(value):
            raise OptionError(f"{self.name} is {value!r}; give {self.allowed}.")

    @property
    def allowed(self) -> str:
        """The values that are allowed, in words: ``a whole number from 1 on``."""
        if self.choices:
            said = ", ".join(self.choices)
        elif self.kind is bool:
            said = "True or False"
        elif self.kind is str:
            said = "a text"
        else:
            number = "a whole number" if self.kind is int else "a number"
            said = f"{number} {self._range}".strip()
        return said + (", or None" if self.optional else "")

    @property
    def _range(self) -> str:
        low = "" if self.above is None else f"above {self.above:,}"
        if self.least is not None:
            low = f"from {self.least:,}" + (" on" if self.most is None else "")
        if self.most is None:
            return low
        return f"{low}{' and' if self.above is not None else ''} up to {self.most:,}".strip()

    def parse(self, text: str) -> OptionValue:
        """Return the value that a text stands for, as on a command line. Raises OptionError."""
        value: OptionValue = text
        if self.optional and text.lower() == "none" and text not in self.choices:
            value = None
        elif self.kind is bool:
            value = {"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), text)
        elif self.kind in (int, float):
            try:
                value = self.kind(text)
            except ValueError:
                value = text
        self.check(value)
        return value

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        names = {str: "text", bool: "boolean", int: "integer", float: "number"}
        return {
            "name": self.name,
            "kind": "choice" if self.choices else names[self.kind],
            "default": self.default,
            "choices": list(self.choices),
            "optional": self.optional,
            "least": self.least,
            "above": self.above,
            "most": self.most,
            "served": self.served,
            "unit": self.unit,
            "cost": self.cost,
            "row": self.row,
            "meaning": self.meaning,
        }

    def _is_kind(self, value: object) -> bool:
        if self.kind is float:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return is_number and math.isfinite(value)  # type: ignore[arg-type]
        return isinstance(value, self.kind) and isinstance(value, bool) == (self.kind is bool)

    def _is_in_range(self, value: Any) -> bool:
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
        )


def option(default: Any, *, meaning: str, **said: Any) -> Any:
    """Return the field of an option.

    Parameters
    ----------
    default : Any
        The value where none is given.
    meaning : str
        What it does, for users.
    **said : Any
        ``least``, ``above``, ``most``, ``served``, ``unit``, ``cost``, ``row``; see Declared. Kind
        and choices are those of the annotation: ``Literal[...]``, ``str``, ``bool``, ``int`` or
        ``float``, perhaps ``| None``.
    """
    return field(default=default, metadata={"meaning": meaning, **said})


@dataclass(frozen=True, kw_only=True)
class MethodOptions:
    """What every method understands. A method's own options are a frozen subclass.

    Every field is made by ``option``, and checked against that when an object is made.

    Raises
    ------
    OptionError
        A value outside what is declared.
    """

    latent_layer: int = option(
        -1,
        meaning="The hidden state whose means are the word vectors: 0 is the embeddings, -1 the "
        "last one. For whyalike, and in a cross-encoder for every method, -1 is the middle one "
        "(give the number of layers for the last).",
        row=15,
    )
    matching: Matching | None = option(
        None,
        meaning="How words find partners: each its nearest, from both sides; only words that are "
        "each other's nearest; or words that agree on each other, one with several perhaps. With "
        "the last two a word may match nothing. None is the method's own choice; methods with a "
        "matrix match by it.",
    )
    words: WordKind = option(
        "text",
        meaning="What counts as a word: what is found in the text, the tokenizer's own pre-tokens, "
        "or tokens.",
        row=14,
    )
    long_text: LongText = option(
        "truncate",
        meaning="What to do with words beyond the model's limit: leave them out, refuse the text, "
        "read it in overlapping windows whose vectors are averaged, or in chunks that are scored "
        "each by itself, as engines store long texts.",
        row=25,
    )
    union: bool = option(
        True, meaning="Merge the two lists of matches by position before clustering.", row=7
    )
    square_scores: bool = option(False, meaning="Cluster squared scores.", row=5)
    top_k: int = option(
        2,
        meaning="Show the pairs of this many clusters of scores. With the selection content: those "
        "that add .04 of what all matches add for 2, twice that for 1, half for 3, and so on.",
        least=1,
        unit="clusters",
        row=6,
    )
    top_k_inclusive: bool = option(
        False, meaning="Show one cluster more: index <= top_k, not index < top_k.", row=6
    )
    quantile: float = option(
        0.3,
        meaning="The share of the scores from which MeanShift's bandwidth is estimated.",
        above=0,
        most=1,
        row=8,
    )
    bandwidth: float | None = option(
        None,
        meaning="MeanShift's bandwidth, whatever the quantile; None estimates it.",
        least=0,
        unit="scores",
        row=8,
    )
    selection: Selection | None = option(
        None,
        meaning="Which matches are shown: the highest clusters of scores, whatever their words "
        "(the paper's Algorithm 1), or pairs of content words that add a part of the score. None "
        "is the method's own choice: content for whyalike, clusters for the others.",
        where_known=True,
    )
    chunk_size: int | None = option(
        None,
        meaning="With long_text='chunks', how long a chunk is at most, special tokens and the "
        "prompt not counted; words stay whole. None is what the model reads at once (half of it "
        "where it reads both texts in one sequence). Of a function, words are counted.",
        least=1,
        unit="tokens",
        where_known=True,
    )
    chunk_overlap: int = option(
        0,
        meaning="With long_text='chunks', how much a chunk shares with the one before, at most; "
        "less than its size.",
        least=0,
        unit="tokens",
        where_known=True,
    )
    chunk_score: ChunkScore = option(
        "max",
        meaning="With long_text='chunks', what the score of two texts is: that of the best pair of "
        "their chunks, or the mean of all.",
        where_known=True,
    )

    def __post_init__(self) -> None:
        """Refuse what is not allowed, where it is said and not where it is used."""
        for one in declared(type(self)):
            one.check(getattr(self, one.name))

    @classmethod
    def of(cls, given: "MethodOptions | Mapping[str, Any] | None") -> Self:
        """Return options of this class: what is given by their names, else the defaults.

        Parameters
        ----------
        given : MethodOptions | Mapping[str, Any] | None
            Options of any class, or values by name. What this class lacks is left out; an object of
            this class, or of one below it, is returned as it is.

        Raises
        ------
        OptionError
            A value that is not allowed.
        """
        if isinstance(given, cls):
            return given
        values = given.values() if isinstance(given, MethodOptions) else given or {}
        return cls(**{one.name: values[one.name] for one in declared(cls) if one.name in values})

    @property
    def reading(self) -> LongText | Chunks:
        """How texts are read: ``long_text``, and with ``"chunks"`` in which ones."""
        if self.long_text != "chunks":
            return self.long_text
        return Chunks(self.chunk_size, self.chunk_overlap, self.chunk_score)

    def values(self) -> dict[str, Any]:
        """Return all options by name."""
        return {one.name: getattr(self, one.name) for one in declared(type(self))}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as documents hold them; see ``Declared.where_known``."""
        values = self.values()
        for one in declared(type(self)):
            if one.where_known and values[one.name] == one.default:
                del values[one.name]
        return values


@dataclass(frozen=True, kw_only=True)
class ActivationOption:
    """Of methods that read the embedding."""

    activation: Activation = option(
        "token+position", meaning="Which embedding E is differentiated and multiplied.", row=9
    )


@dataclass(frozen=True, kw_only=True)
class ObjectiveOption:
    """Of methods that differentiate."""

    objective: Objective = option(
        "similarity",
        meaning="Differentiate the similarity, or the unnormalised product of both vectors.",
        row=16,
    )


@dataclass(frozen=True, kw_only=True)
class RectifierOption:
    """Of BTI."""

    rectifier: Rectifier = option(
        "before_sum",
        meaning="ReLU on each feature before the sum, on the sum, or nowhere (signed).",
        row=10,
    )


@dataclass(frozen=True, kw_only=True)
class GradientNormOption:
    """Of ``bti_gradients``."""

    gradient_norm: GradientNorm = option(
        "relu", meaning="How a gradient is reduced: the sum of its ReLU, or its L2 norm.", row=20
    )


@dataclass(frozen=True, kw_only=True)
class PathOption:
    """Of methods that integrate along a path."""

    ig_steps: int = option(
        50,
        meaning="Steps of the path; integrated_jacobians takes so many at most.",
        least=1,
        served=200,
        unit="steps",
        cost="a forward and a backward pass each",
        row=22,
    )
    ig_baseline: Baseline = option(
        "zero",
        meaning="Where the path begins: zero embeddings, padding or mask tokens; from padding "
        "20 steps sum to the score, which 50 from zeros miss by 16 %. "
        "integrated_jacobians begins at padding unless at masks.",
        row=22,
    )


@dataclass(frozen=True, kw_only=True)
class LayerOption:
    """Of methods that attribute at a hidden state."""

    layer: int | None = option(
        None,
        meaning="The hidden state at which the method attributes: 0 is the embeddings, -1 the "
        "last; None is the method's own choice.",
    )


@dataclass(frozen=True, kw_only=True)
class PerturbationOption:
    """Of methods that take words away."""

    perturbation: Perturbation = option(
        "drop", meaning="Whether a word is deleted, or a mask token put in its place."
    )


@dataclass(frozen=True, kw_only=True)
class PermutationsOption:
    """Of methods that sample orders of words."""

    permutations: int = option(
        8,
        meaning="How many orders of the words are sampled, each with its reverse.",
        least=1,
        served=64,
        unit="orders",
        cost="each order, and its reverse, one pass for each word",
    )


@dataclass(frozen=True, kw_only=True)
class SeedOption:
    """Of methods that draw at random."""

    seed: int = option(0, meaning="Of what is drawn at random.")


@dataclass(frozen=True, kw_only=True)
class GradientOptions(MethodOptions, ObjectiveOption, ActivationOption):
    """Of methods that differentiate at the embeddings, and what a pass through a model reads."""


@dataclass(frozen=True, kw_only=True)
class PerturbationOptions(MethodOptions, PerturbationOption):
    """Of methods that take words away, and need no more."""


# The order of the bases is that of the fields in documents of version 1.
@dataclass(frozen=True, kw_only=True)
class BTIOptions(
    GradientOptions,
    ObjectiveOption,
    SeedOption,
    PermutationsOption,
    PerturbationOption,
    LayerOption,
    PathOption,
    GradientNormOption,
    RectifierOption,
    ActivationOption,
):
    """Options of all the methods that come with whyalike; the defaults are the preset ``bti``.

    ``whyalike methods NAME`` and ``docs/options.md`` say what each means, and
    ``docs/reading-of-the-paper.md`` why there is one.

    Raises
    ------
    OptionError
        A value outside what is declared.
    """


@dataclass(frozen=True, kw_only=True)
class ExtendedOptions(BTIOptions):
    """BTIOptions, and beside them options of other methods by name.

    So an Explainer holds them, and so a document does, whether the method is installed or not.
    ``MineOptions.of`` picks those of a method.

    Attributes
    ----------
    own : tuple[tuple[str, OptionValue], ...], default=()
        Pairs of a name and a value, sorted by name.

    Raises
    ------
    OptionError
        A value outside what is declared, or one that JSON lacks.
    """

    own: tuple[tuple[str, OptionValue], ...] = ()

    def __post_init__(self) -> None:
        """Sort the pairs, so that equal options are equal."""
        super().__post_init__()
        known = {one.name for one in declared(BTIOptions)}
        for name, value in self.own:
            if name in known:
                raise OptionError(f"{name} is an option of whyalike itself; give it by its field.")
            is_finite = not isinstance(value, float) or math.isfinite(value)
            if not isinstance(value, OptionValue) or not is_finite:
                raise OptionError(
                    f"{name} is {value!r}; give a text, True, False, a finite number or None."
                )
        object.__setattr__(self, "own", tuple(sorted(dict(self.own).items())))

    def values(self) -> dict[str, Any]:
        """Return all options by name."""
        return {**super().values(), **dict(self.own)}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as documents hold them: the others are an object ``own``."""
        ours = {
            name: value for name, value in super().to_dict().items() if name not in dict(self.own)
        }
        return {**ours, "own": dict(self.own)}


def all_options(given: MethodOptions | Mapping[str, Any] | None) -> BTIOptions:
    """Return options of any methods in the one form that an Explainer and a document hold.

    Parameters
    ----------
    given : MethodOptions | Mapping[str, Any] | None
        Options of any class, or values by name; None gives the defaults.

    Raises
    ------
    OptionError
        A value that is not allowed.
    """
    if isinstance(given, BTIOptions):
        return given
    values = given.values() if isinstance(given, MethodOptions) else given or {}
    known = {one.name for one in declared(BTIOptions)}
    fitting = {name: value for name, value in values.items() if name in known}
    own = tuple((name, value) for name, value in values.items() if name not in known)
    return ExtendedOptions(**fitting, own=own) if own else BTIOptions(**fitting)


def declared(options: type[MethodOptions]) -> tuple[Declared, ...]:
    """Return the declarations of a class of options, in the order of its fields.

    Raises OptionError on a field whose annotation is none of an option.
    """
    found: Any = options  # mypy takes the class for an object that has no hash.
    return _declarations(found)


def check_declarations(options: type[MethodOptions]) -> None:
    """Raise OptionError unless it is a class of options that a method can have."""
    where = f"{options.__module__}.{options.__qualname__}"
    if not issubclass(options, MethodOptions) or "__dataclass_fields__" not in vars(options):
        raise OptionError(
            f"{where} is no class of options: derive it from MethodOptions, and put "
            "@dataclass(frozen=True, kw_only=True) above it."
        )
    ours = {one.name: one for one in fields(BTIOptions)}
    for one in fields(options):
        if "meaning" not in one.metadata:
            raise OptionError(f"{where}.{one.name} says nothing of itself: make it by option(...).")
        if one.name == "own" or ours.get(one.name, one) is not one:
            raise OptionError(
                f"{where}.{one.name} has a name that whyalike gives to an option of its own: "
                "choose another, or derive the class from the one that declares it."
            )
    for each in declared(options):
        each.check(each.default)


@cache
def _declarations(options: Any) -> tuple[Declared, ...]:
    return tuple(_read_declarations(options))


def _read_declarations(options: type[MethodOptions]) -> Iterator[Declared]:
    hints = get_type_hints(options)
    for one in fields(options):
        if "meaning" in one.metadata:
            kind, optional = _without_none(hints[one.name])
            choices = get_args(kind) if get_origin(kind) is Literal else ()
            if not choices and kind not in (str, bool, int, float):
                raise OptionError(
                    f"The option {one.name} is annotated {hints[one.name]}; give Literal[...] of "
                    "texts, str, bool, int or float, perhaps | None."
                )
            yield Declared(
                name=one.name,
                kind=str if choices else kind,
                default=one.default,  # type: ignore[arg-type]
                choices=choices,
                optional=optional,
                **one.metadata,
            )


def _without_none(hint: Any) -> tuple[Any, bool]:
    """Return a type without ``| None``, and whether it had that."""
    if get_origin(hint) not in (Union, UnionType):
        return hint, False
    others = [part for part in get_args(hint) if part is not type(None)]
    is_one = len(others) == 1 and len(get_args(hint)) == 2
    return (others[0], True) if is_one else (hint, False)


@overload
def policy_for(long_text: LongText) -> LongText: ...
@overload
def policy_for(long_text: LongText | Chunks) -> LongText | Chunks: ...
def policy_for(long_text: LongText | Chunks) -> LongText | Chunks:
    """Return what is done with texts beyond the limit where none may be refused.

    So it is with variants of a text, none longer than that, and with samples of a catalogue.
    """
    return long_text if isinstance(long_text, Chunks) or long_text == "windows" else "truncate"


def without_chunks(options: BTIOptions) -> BTIOptions:
    """Return options by which each chunk is read: as a text of its own, cut as the model does."""
    return replace(
        options, long_text="truncate", chunk_size=None, chunk_overlap=0, chunk_score="max"
    )


def refuse_chunks(
    options: MethodOptions, *, what: str, instead: str = "the chunks as texts"
) -> None:
    """Raise OptionError where texts are to be read in chunks, by ``what`` can't do that."""
    if options.long_text == "chunks":
        raise OptionError(
            f"long_text is 'chunks', and {what} reads each text as a whole: choose 'truncate', and "
            f"give it {instead}."
        )


def check_chunks(options: MethodOptions) -> None:
    """Raise OptionError on options of chunks that don't go together, or go with other readings."""
    size, overlap = options.chunk_size, options.chunk_overlap
    usual = Chunks()
    given = Chunks(size, overlap, options.chunk_score)
    if options.long_text != "chunks" and given != usual:
        name, value = next(
            (f"chunk_{name}", getattr(given, name))
            for name in ("size", "overlap", "score")
            if getattr(given, name) != getattr(usual, name)
        )
        raise OptionError(
            f"{name} is {value!r}, and long_text is {options.long_text!r}: choose "
            "long_text='chunks', or leave it out."
        )
    if size is not None and overlap >= size:
        raise OptionError(
            f"chunk_overlap is {overlap}, and chunk_size is {size}: give a smaller overlap."
        )
