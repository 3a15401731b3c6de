"""whyalike: why does this model think these two texts are alike?"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whyalike.catalogue.catalogue import Catalogue
    from whyalike.catalogue.index import CatalogueIndex
    from whyalike.catalogue.search import Hit
    from whyalike.data.items import Item
    from whyalike.explainer import Explainer
    from whyalike.explanation import Comparison, ExplainedText, Explanation, Word, WordPair
    from whyalike.models.black_box import BlackBox
    from whyalike.models.pair_function import PairScorer
    from whyalike.options import BTIOptions
    from whyalike.words.lexicon import Lexicon
    from whyalike.words.vectors import WordVectors

__version__ = "0.1.0.dev0"

_HOMES = {
    "BTIOptions": "whyalike.options",
    "BlackBox": "whyalike.models.black_box",
    "Catalogue": "whyalike.catalogue.catalogue",
    "CatalogueIndex": "whyalike.catalogue.index",
    "Comparison": "whyalike.explanation",
    "ExplainedText": "whyalike.explanation",
    "Explainer": "whyalike.explainer",
    "Explanation": "whyalike.explanation",
    "Hit": "whyalike.catalogue.search",
    "Item": "whyalike.data.items",
    "Lexicon": "whyalike.words.lexicon",
    "PairScorer": "whyalike.models.pair_function",
    "Word": "whyalike.explanation",
    "WordPair": "whyalike.explanation",
    "WordVectors": "whyalike.words.vectors",
}

__all__ = [
    "BTIOptions",
    "BlackBox",
    "Catalogue",
    "CatalogueIndex",
    "Comparison",
    "ExplainedText",
    "Explainer",
    "Explanation",
    "Hit",
    "Item",
    "Lexicon",
    "PairScorer",
    "Word",
    "WordPair",
    "WordVectors",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Load a public name on first use: ``import whyalike`` is fast and loads no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
