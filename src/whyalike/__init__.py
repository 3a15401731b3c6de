"""whyalike: why does this model think these two texts are alike?"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whyalike.catalogue import Catalogue, CatalogueIndex, Hit, Item
    from whyalike.encoder.black_box import BlackBox
    from whyalike.explain import Comparison, Explainer, Explanation
    from whyalike.types import BTIOptions, ExplainedText, Word, WordPair
    from whyalike.words import Lexicon, WordVectors

__version__ = "0.1.0.dev0"

_HOMES = {
    "BTIOptions": "whyalike.types",
    "BlackBox": "whyalike.encoder.black_box",
    "Catalogue": "whyalike.catalogue",
    "CatalogueIndex": "whyalike.catalogue",
    "Comparison": "whyalike.explain",
    "ExplainedText": "whyalike.types",
    "Explainer": "whyalike.explain",
    "Explanation": "whyalike.explain",
    "Hit": "whyalike.catalogue",
    "Item": "whyalike.catalogue",
    "Lexicon": "whyalike.words",
    "Word": "whyalike.types",
    "WordPair": "whyalike.types",
    "WordVectors": "whyalike.words",
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
