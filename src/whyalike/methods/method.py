"""Methods: what one is, how it is registered and found, what it costs.

Torch stops here. What leaves this room is word saliency as NumPy arrays.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

from whyalike.arrays import PairSaliency
from whyalike.methods.listing import USUAL, USUAL_SIGNED, find_among, order
from whyalike.models.encoder import Encoder
from whyalike.models.pipeline import Means, TokenPair
from whyalike.models.scorer import Capability, Scorer, listed, require
from whyalike.models.tokens import TokenizedText
from whyalike.options import (
    BTIOptions,
    Declared,
    Matching,
    MethodOptions,
    Selection,
    all_options,
    check_declarations,
    declared,
)
from whyalike.registry import Registry
from whyalike.words import Alignment, Lexicon


@dataclass(frozen=True, eq=False)
class Setting:
    """What a method works with, besides the texts. ``options`` are of the method's own class.

    ``means`` are those of a background's vectors: a method that differentiates the score and gives
    signs explains what it has beyond the mean score of each text with these.
    """

    model: Scorer
    options: MethodOptions
    lexicon: Lexicon | None = None
    means: Means | None = None

    @property
    def encoder(self) -> Encoder:
        """The model, for what looks inside it. Raises OptionError where that can't be seen."""
        require(
            self.model,
            ("hidden states",),
            what="What looks inside a model",
            instead=partial(methods_that_work, self.model),
        )
        return cast("Encoder", self.model)


@dataclass(frozen=True, eq=False)
class PreparedText:
    """A text with its tokens, and its words linked to them."""

    tokens: TokenizedText
    alignment: Alignment

    @property
    def words(self) -> tuple[str, ...]:
        """The words, W of them, as they stand in the text."""
        return tuple(self.tokens.text[start:end] for start, end in self.alignment.spans)


@dataclass(frozen=True, eq=False)
class PreparedPair:
    """Two prepared texts whose similarity is to be explained."""

    left: PreparedText
    right: PreparedText

    @property
    def tokens(self) -> TokenPair:
        """The pair as the encoder takes it."""
        return TokenPair(self.left.tokens, self.right.tokens)


BACKWARD = 1.2
"""A backward pass in forward ones (measured on a processor: .7 to 2, by the length of the text)."""


@dataclass(frozen=True, slots=True)
class TextSize:
    """How much there is of a text.

    words: those that the model reads. tokens: of all its rows, special ones and the prompt
    included, of which ``special`` are no part of the text. rows: its windows. layers: of the model.
    Of a function, ``embed=`` or ``score=``, tokens are words.
    """

    words: int
    tokens: int
    special: int = 0
    rows: int = 1
    layers: int = 12


Passes = Callable[[TextSize, Any], float]
"""How many forward passes over a text of a size explaining it takes, with the method's options.

A pass over a part of the tokens, or of the layers, counts as that part; a backward one counts
BACKWARD.
"""


def forward(size: TextSize, options: MethodOptions) -> float:
    """One pass."""
    del size, options
    return 1.0


def there_and_back(size: TextSize, options: MethodOptions) -> float:
    """One forward and one backward pass."""
    del size, options
    return 1.0 + BACKWARD


Attribute = Callable[[Setting, Sequence[PreparedPair]], list[PairSaliency]]

Promise = Literal["signed", "pairs", "sums", "any embedding"]
"""What a method's results always have; the conformance tests hold it to that.

- signed: each word's contribution, below zero where it pulls the texts apart
- pairs: a pair's score is what its words contribute, and not saliency times saliency
- sums: the contributions sum to a stated quantity; the completeness gap says how nearly
- any embedding: it requires vectors of texts at most, so that ``Explainer(embed=...)`` takes it
"""

ANY_EMBEDDING: Promise = "any embedding"
INSIDE: tuple[Capability, ...] = ("tokens", "hidden states", "gradients")


@dataclass(frozen=True, slots=True)
class Method:
    """A registered method: ``attribute`` takes a batch of pairs and keeps their order.

    forwards, backwards: passes through the model for one pair, both texts counted as one pass. W
    and T are the words and tokens of the longer text, P is ``options.permutations``.
    passes: the same as a function of the size of one text and the options; see cost.Passes.
    matching: how words find their partners, unless ``options.matching`` says otherwise or the
    method gives a matrix.
    selection: which of the matches are shown, unless ``options.selection`` says otherwise.
    lexical: it goes by the lexicon, and so by the catalogue that this was learnt from.
    requires: what a scorer must give besides scores. Where that is vectors at most, ``promises``
    has "any embedding".
    options: the class of its options.
    """

    name: str
    attribute: Attribute
    summary: str
    source: str
    forwards: str
    backwards: str
    passes: Passes
    promises: tuple[Promise, ...]
    matching: Matching
    lexical: bool = False
    requires: tuple[Capability, ...] = ()
    options: type[MethodOptions] = MethodOptions
    selection: Selection = "clusters"

    def works_with(self, model: Scorer) -> bool:
        """Return whether a scorer gives all that the method requires."""
        return set(self.requires) <= model.capabilities

    def cost(self, sizes: Sequence[TextSize], options: MethodOptions) -> float:
        """Return what explaining texts of these sizes costs: tokens of forward passes."""
        own = self.own_options(options)
        return sum(self.passes(size, own) * size.tokens for size in sizes)

    def own_options(self, given: MethodOptions) -> MethodOptions:
        """Return, of what was chosen for any methods, what this one declares, and no more.

        Raises OptionError on a value that it does not allow.
        """
        names = {one.name for one in self.declared}
        own = {name: value for name, value in given.values().items() if name in names}
        return given if type(given) is self.options else self.options(**own)

    def selects_by(self, options: MethodOptions) -> Selection:
        """Return how the pairs that are shown are selected with these options."""
        return options.selection or self.selection

    def recorded_options(self, given: MethodOptions) -> BTIOptions:
        """Return what an explanation by this method says of the options that it was made with.

        All options of whyalike's own methods, and beside them those that this one alone has.
        """
        ours = BTIOptions.of(given.values())
        return all_options({**ours.values(), **self.own_options(given).values()})

    def to_dict(self) -> dict[str, Any]:
        """Return what there is to say of it as plain values, with its options."""
        return {
            "name": self.name,
            "summary": self.summary,
            "source": self.source,
            "forwards": self.forwards,
            "backwards": self.backwards,
            "promises": list(self.promises),
            "options": [one.to_dict() for one in self.declared],
        }

    @property
    def declared(self) -> tuple[Declared, ...]:
        """Its options, as they are declared."""
        return declared(self.options)

    def __reduce__(self) -> tuple[Callable[[str], "Method"], tuple[str]]:
        """Be pickled by name: the method in another process is the one registered there."""
        return get_method, (self.name,)


METHODS: Registry[Method] = Registry("method", package="whyalike.methods", group="whyalike.methods")
"""All methods: the files beside this one, and the entry points ``whyalike.methods``."""


def register_method(
    name: str,
    *,
    summary: str,
    source: str,
    forwards: str,
    backwards: str,
    passes: Passes,
    promises: tuple[Promise, ...] = (),
    matching: Matching = "nearest",
    lexical: bool = False,
    requires: tuple[Capability, ...] | None = None,
    options: type[MethodOptions] = MethodOptions,
    selection: Selection = "clusters",
) -> Callable[[Attribute], Attribute]:
    """Return a decorator that makes a function a method under ``name``; see ``Method``.

    Without ``requires`` the method looks inside a model, unless it promises "any embedding".

    Raises
    ------
    OptionError
        The name is taken, or ``options`` is no class of options.
    """
    check_declarations(options)
    needed = requires
    if needed is None:
        needed = ("vectors",) if ANY_EMBEDDING in promises else INSIDE
    own = [promise for promise in promises if promise != ANY_EMBEDDING]
    if set(needed) <= {"vectors"}:
        own.append(ANY_EMBEDDING)

    def decorate(attribute: Attribute) -> Attribute:
        method = Method(
            name,
            attribute,
            summary,
            source,
            forwards,
            backwards,
            passes,
            tuple(own),
            matching,
            lexical,
            needed,
            options,
            selection,
        )
        METHODS.add(name, method, maker=attribute.__module__)
        return attribute

    return decorate


def get_method(name: str) -> Method:
    """Return the method of that name. Raises OptionError on an unknown one."""
    return METHODS.get(name)


def method_for(model: Scorer, name: str) -> Method:
    """Return the method of that name, for a scorer that gives what it requires.

    Raises OptionError on an unknown one, and on one that can't work with ``model``.
    """
    method = get_method(name)
    require(
        model,
        method.requires,
        what=f"The method {name!r}",
        instead=partial(methods_that_work, model),
    )
    return method


def usual_method(model: Scorer, *, signed: bool = False) -> str:
    """Return the name of the method that suits a scorer, where none is named.

    Parameters
    ----------
    model : Scorer
        What is to be explained.
    signed : bool, default=False
        Whether words need signed contributions.
    """
    names = USUAL_SIGNED if signed else USUAL
    return next((name for name in names if get_method(name).works_with(model)), names[-1])


def left_out(model: Scorer, names: Iterable[str] | None = None) -> dict[str, str]:
    """Return, by the name of each method that can't explain a scorer, what it would need.

    Parameters
    ----------
    model : Scorer
        What is to be explained.
    names : iterable of str, optional
        Of the methods in question; by default all there are.

    Raises
    ------
    OptionError
        An unknown name.
    """
    asked = list_methods() if names is None else [get_method(name) for name in names]
    return {
        method.name: f"needs {listed(set(method.requires) - model.capabilities)}, "
        f"which {model.name} does not give"
        for method in asked
        if not method.works_with(model)
    }


def say_left_out(without: Mapping[str, str]) -> list[str]:
    """Return sentences on what ``left_out`` gives, methods of one reason together."""
    groups: dict[str, list[str]] = {}
    for name, why in without.items():
        groups.setdefault(why, []).append(name)
    return [f"Left out, as each {why}: {', '.join(those)}." for why, those in groups.items()]


def methods_that_work(model: Scorer) -> str:
    """Return a sentence that names the methods which need no more than a scorer gives."""
    able = [method.name for method in list_methods() if method.works_with(model)]
    return f"Methods that work with it: {', '.join(able) or 'none'}."


def list_methods() -> tuple[Method, ...]:
    """Return all methods: ``whyalike`` and ``bti``, then by name."""
    return tuple(sorted(METHODS.all().values(), key=lambda method: order(method.name)))


def find_option(name: str, methods: Sequence[Method]) -> Declared:
    """Return the declaration of an option that one of the methods has.

    Raises OptionError where none has it; it says which options they have, and who has that one.
    """
    asked, every = (
        {one.name: one.declared for one in those} for those in (methods, list_methods())
    )
    return find_among(name, asked, every)
