"""What an explanation needs of a model, whether its inside can be seen or not."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from whyalike.encoder.tokenization import TokenizedText
from whyalike.errors import OptionError
from whyalike.types import SimilarityFunction
from whyalike.types.options import LongText


class TextModel(Protocol):
    """Texts in, vectors out. An Encoder and a BlackBox are such; H features of a vector."""

    @property
    def name(self) -> str:
        """What the model is called in explanations."""

    @property
    def pooling(self) -> str:
        """Whose score is explained; ``"model"`` is the model's own."""

    @property
    def similarity_function(self) -> SimilarityFunction:
        """How two vectors are compared."""

    @property
    def limit(self) -> int | None:
        """How many tokens the model reads of a text; None where that is unknown."""

    @property
    def mask_token(self) -> str | None:
        """The text that stands for a hidden word; None where the model has none."""

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Return texts with their tokens, or with their words where tokens can't be seen."""

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the literal prompts of the left and the right text."""

    def embed(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> NDArray[np.float64]:
        """Return the vectors (N, H) of N texts, as they are scored."""


def choose_prompts(
    prompts: tuple[str, str] | None,
    names: tuple[str, str] | None,
    *,
    known: Mapping[str, str],
    default: str | None,
    model: str,
) -> tuple[str, str]:
    """Return the literal prompts of the left and the right text.

    Args:
        prompts: literal ones.
        names: their names in ``known``.
        known: the model's own prompts by name.
        default: the name of the prompt that the model uses where none is named.
        model: what to call the model in an error.

    Raises:
        OptionError: both ways of naming them are used, or the model knows no such name.
    """
    if prompts is not None and names is not None:
        raise OptionError("Give either prompts or prompt_names, not both.")
    for given in (prompts, names):
        if given is not None and not _is_pair_of_texts(given):
            raise OptionError(
                f"prompts and prompt_names are two strings, (left, right); got {given!r}."
            )
    if prompts is not None:
        return prompts
    if names is None:
        text = known.get(default, "") if default else ""
        return text, text
    for name in names:
        if name not in known:
            raise OptionError(
                f"{model} has no prompt named {name!r}; it has: "
                f"{', '.join(map(repr, known)) or 'none'}. Give literal ones with prompts=."
            )
    return known[names[0]], known[names[1]]


def _is_pair_of_texts(value: object) -> bool:
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and all(isinstance(text, str) for text in value)
    )
