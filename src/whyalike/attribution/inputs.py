"""What every method gets: pairs of texts, tokenized, with their words found."""

from dataclasses import dataclass

from whyalike.encoder.passes import TokenPair
from whyalike.encoder.tokenization import TokenizedText
from whyalike.words import Alignment


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
