"""How much each token matters for the score: the methods, behind one interface.

Torch stops here. What leaves this room is word saliency as NumPy arrays.
"""

from whyalike.attribution.cost import TextSize
from whyalike.attribution.inputs import PreparedPair, PreparedText, Setting
from whyalike.attribution.registry import Method, get_method, list_methods, register_method

__all__ = [
    "Method",
    "PreparedPair",
    "PreparedText",
    "Setting",
    "TextSize",
    "get_method",
    "list_methods",
    "register_method",
]
