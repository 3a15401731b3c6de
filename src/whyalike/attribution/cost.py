"""What explaining a text costs, in passes of the model over it: known before any is made."""

from collections.abc import Callable
from dataclasses import dataclass

from whyalike.types import BTIOptions

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
