"""Methods: what one is, how it is registered and found, what it costs.

Torch stops here. What leaves this room is word saliency as NumPy arrays.
"""

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Literal

from whyalike.arrays import PairSaliency
from whyalike.errors import OptionError
from whyalike.models.encoder import Encoder
from whyalike.models.pipeline import TokenPair
from whyalike.models.text_model import TextModel
from whyalike.models.tokens import TokenizedText
from whyalike.options import BTIOptions, Matching
from whyalike.words import Alignment, Lexicon


@dataclass(frozen=True, eq=False)
class Setting:
    """What a method works with, besides the texts."""

    model: TextModel
    options: BTIOptions
    lexicon: Lexicon | None = None

    @property
    def encoder(self) -> Encoder:
        """The model, for what looks inside it. Raises OptionError where it is a function."""
        if not isinstance(self.model, Encoder):
            raise OptionError(
                f"{self.model.name} gives vectors of whole texts only: it has no hidden states or "
                "gradients. Choose a method that promises 'any embedding'."
            )
        return self.model


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
    Of an ``embed=`` function tokens are words.
    """

    words: int
    tokens: int
    special: int = 0
    rows: int = 1
    layers: int = 12


Passes = Callable[[TextSize, BTIOptions], float]
"""How many forward passes over a text of a size explaining it takes, with these options.

A pass over a part of the tokens, or of the layers, counts as that part; a backward one counts
BACKWARD.
"""


def forward(size: TextSize, options: BTIOptions) -> float:
    """One pass."""
    del size, options
    return 1.0


def there_and_back(size: TextSize, options: BTIOptions) -> float:
    """One forward and one backward pass."""
    del size, options
    return 1.0 + BACKWARD


Attribute = Callable[[Setting, Sequence[PreparedPair]], list[PairSaliency]]


Promise = Literal["signed", "pairs", "sums", "any embedding"]
"""What a method's results always have; the conformance tests hold it to that.

- signed: each word's contribution, below zero where it pulls the texts apart
- pairs: a pair's score is what its words contribute, and not saliency times saliency
- sums: the contributions sum to a stated quantity; the completeness gap says how nearly
- any embedding: it needs vectors of texts only, so that ``Explainer(embed=...)`` takes it
"""


@dataclass(frozen=True, slots=True)
class Method:
    """A registered method: ``attribute`` takes a batch of pairs and keeps their order.

    forwards, backwards: passes through the model for one pair, both texts counted as one pass. W
    and T are the words and tokens of the longer text, P is ``options.permutations``.
    passes: the same as a function of the size of one text and the options; see cost.Passes.
    matching: how words find their partners, unless ``options.matching`` says otherwise or the
    method gives a matrix.
    lexical: it goes by the lexicon, and so by the catalogue that this was learnt from.
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

    def cost(self, sizes: Sequence[TextSize], options: BTIOptions) -> float:
        """Return what explaining texts of these sizes costs: tokens of forward passes."""
        return sum(self.passes(size, options) * size.tokens for size in sizes)

    def __reduce__(self) -> tuple[Callable[[str], "Method"], tuple[str]]:
        """Be pickled by name: the method in another process is the one registered there."""
        return get_method, (self.name,)


_METHODS: dict[str, Method] = {}


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
) -> Callable[[Attribute], Attribute]:
    """Return a decorator that makes a function a method under ``name``.

    Raises
    ------
    OptionError
        The name is taken.
    """

    def decorate(attribute: Attribute) -> Attribute:
        if name in _METHODS:
            raise OptionError(
                f"A method {name!r} is registered already, by "
                f"{_METHODS[name].attribute.__module__}. Choose another name."
            )
        _METHODS[name] = Method(
            name,
            attribute,
            summary,
            source,
            forwards,
            backwards,
            passes,
            promises,
            matching,
            lexical,
        )
        return attribute

    return decorate


def get_method(name: str) -> Method:
    """Return the method of that name. Raises OptionError on an unknown one."""
    _load_methods()
    if name not in _METHODS:
        raise OptionError(f"There is no method {name!r}; there are: {', '.join(sorted(_METHODS))}.")
    return _METHODS[name]


def list_methods() -> tuple[Method, ...]:
    """Return all methods, ``bti`` first, then by name."""
    _load_methods()
    return tuple(sorted(_METHODS.values(), key=lambda method: (method.name != "bti", method.name)))


@cache
def _load_methods() -> None:
    """Import every file beside this one once, on first use, so that importing costs nothing."""
    methods = import_module("whyalike.methods")
    for module in pkgutil.iter_modules(methods.__path__):
        import_module(f"{methods.__name__}.{module.name}")
