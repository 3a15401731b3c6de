"""The methods by name. A new one is a file in ``methods`` with this decorator."""

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Literal

from whyalike.attribution.inputs import PreparedPair, Setting
from whyalike.errors import OptionError
from whyalike.types import PairSaliency
from whyalike.types.options import Matching

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
    promises: tuple[Promise, ...]
    matching: Matching
    lexical: bool = False

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
    promises: tuple[Promise, ...] = (),
    matching: Matching = "nearest",
    lexical: bool = False,
) -> Callable[[Attribute], Attribute]:
    """Return a decorator that makes a function a method under ``name``.

    Raises:
        OptionError: the name is taken.
    """

    def decorate(attribute: Attribute) -> Attribute:
        if name in _METHODS:
            raise OptionError(
                f"A method {name!r} is registered already, by "
                f"{_METHODS[name].attribute.__module__}. Choose another name."
            )
        _METHODS[name] = Method(
            name, attribute, summary, source, forwards, backwards, promises, matching, lexical
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
    """Import every file of ``methods`` once, on first use, so that importing costs nothing."""
    from whyalike.attribution import methods

    for module in pkgutil.iter_modules(methods.__path__):
        import_module(f"{methods.__name__}.{module.name}")
