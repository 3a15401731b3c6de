"""What every method gets: a setting, and pairs of texts, tokenized, with their words found."""

from dataclasses import dataclass

from whyalike.encoder.encoder import Encoder
from whyalike.encoder.passes import TokenPair
from whyalike.encoder.text_model import TextModel
from whyalike.encoder.tokenization import TokenizedText
from whyalike.errors import OptionError
from whyalike.types import BTIOptions
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
