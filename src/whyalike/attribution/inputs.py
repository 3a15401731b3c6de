"""What every method gets: a setting, and pairs of texts, tokenized, with their words found."""

from dataclasses import dataclass

from whyalike.encoder.encoder import Encoder
from whyalike.encoder.passes import TokenPair
from whyalike.encoder.tokenization import TokenizedText
from whyalike.types import BTIOptions
from whyalike.words import Alignment


@dataclass(frozen=True, eq=False)
class Setting:
    """What a method works with, besides the texts."""

    encoder: Encoder
    options: BTIOptions


@dataclass(frozen=True, eq=False)
class PreparedText:
    """A text with its tokens, and its words linked to them."""

    tokens: TokenizedText
    alignment: Alignment


@dataclass(frozen=True, eq=False)
class PreparedPair:
    """Two prepared texts whose similarity is to be explained."""

    left: PreparedText
    right: PreparedText

    @property
    def tokens(self) -> TokenPair:
        """The pair as the encoder takes it."""
        return TokenPair(self.left.tokens, self.right.tokens)
